package proxy

import (
	"context"
	"net/http"
	"time"
)

// replyArrives is how long after the end of a reply it is taken to be with the client: the server says that it has written
// the last frame, not that it has been read.
const replyArrives = 20 * time.Millisecond

// The hook of a crash ends the program that the proxy serves. While it is at work no request begins, and those that come
// meanwhile are aborted: whatever the dying program still sends, the API server does not see it. Requests that began
// before are not held back, just as those of a program that dies are not.

// CrashBefore runs the hook before anything of the request is sent to the API server, and then nothing is.
func CrashBefore(hook func()) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			x := exchangeOf(r)
			end := x.proxy.halt()
			defer end()
			x.acted()
			read(r)
			hook()
			abort()
		})
	}
}

// CrashAfterCommit runs the hook when the API server has done what was asked, and its answer is lost.
func CrashAfterCommit(hook func()) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			x := exchangeOf(r)
			end := x.proxy.halt()
			defer end()
			x.acted()
			commit(next, r)
			hook()
			abort()
		})
	}
}

// CrashAfterReply runs the hook when the client has the answer, and before anything that it asks for next.
func CrashAfterReply(hook func()) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := exchangeOf(r)
			end := x.proxy.halt()
			x.acted()
			// The reply is not finished before this handler has returned, which ends the context of the request.
			context.AfterFunc(r.Context(), func() {
				time.AfterFunc(replyArrives, func() {
					defer end()
					hook()
				})
			})
			next.ServeHTTP(w, r)
		})
	}
}
