package proxy_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/test/faults/proxy"
)

func TestAnAnswerIsAStatusThatClientsKnow(t *testing.T) {
	for code, is := range map[int]func(error) bool{
		http.StatusForbidden:           apierrors.IsForbidden,
		http.StatusConflict:            apierrors.IsConflict,
		http.StatusGone:                apierrors.IsGone,
		http.StatusTooManyRequests:     apierrors.IsTooManyRequests,
		http.StatusInternalServerError: apierrors.IsInternalError,
		http.StatusServiceUnavailable:  apierrors.IsServiceUnavailable,
	} {
		t.Run(http.StatusText(code), func(t *testing.T) {
			b := newBed(t, &proxy.Rule{Name: "answer", Fault: proxy.Answer(code, 3*time.Second)})
			response, err := b.request(t.Context(), http.MethodPut, policies+"/web", "a policy")
			if err != nil {
				t.Fatal(err)
			}
			var status metav1.Status
			if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
				t.Fatal(err)
			}
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
			if response.StatusCode != code || status.Kind != "Status" || !is(&apierrors.StatusError{ErrStatus: status}) {
				t.Errorf("got %d, %+v", response.StatusCode, status)
			}
			if after := response.Header.Get("Retry-After"); after != "3" {
				t.Errorf("Retry-After is %q", after)
			}
			b.mustSee(0)
			b.mustCount("answer", 1)
		})
	}
}

func TestWhatIsGivenIsTheAnswer(t *testing.T) {
	b := newBed(t, &proxy.Rule{Name: "given", When: proxy.Nth(1), Fault: proxy.Give([]byte(`{"items":[]}`))})
	code, text, err := b.do(http.MethodGet, policies, "")
	if err != nil || code != http.StatusOK || text != `{"items":[]}` {
		t.Errorf("got %d, %q, %v", code, text, err)
	}
	b.mustSee(0)
	b.mustCreate()
	b.mustCount("given", 1)
}

func TestADelayedRequestArrivesLater(t *testing.T) {
	const by = 300 * time.Millisecond
	b := newBed(t, &proxy.Rule{Name: "slow", Fault: proxy.Delay(by)})
	began := time.Now()
	b.mustCreate()
	if took := time.Since(began); took < by {
		t.Errorf("it took %s", took)
	}
	b.mustSee(1)
}

func TestWhatTheClientGivesUpMeanwhileDoesNotArrive(t *testing.T) {
	for name, fault := range map[string]proxy.Fault{"black hole": proxy.BlackHole(), "delay": proxy.Delay(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, &proxy.Rule{Name: name, When: proxy.Nth(1), Fault: fault})
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if response, err := b.request(ctx, http.MethodPost, policies, "a policy"); err == nil {
				t.Errorf("got %d, want no answer", response.StatusCode)
				_ = response.Body.Close()
			}
			if ctx.Err() == nil {
				t.Error("the client did not have to give up")
			}
			b.mustCreate()
			b.mustSee(1)
			b.mustCount(name, 1)
		})
	}
}

func TestALateRequestArrivesThoughTheClientIsGone(t *testing.T) {
	release, answered := make(chan struct{}), make(chan int, 1)
	b := newBed(t, &proxy.Rule{Name: "late", When: proxy.Nth(1), Fault: proxy.Late(func(proxy.Act) { <-release }, func(code int) { answered <- code })})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if response, err := b.request(ctx, http.MethodPost, policies, "a policy"); err == nil {
		t.Errorf("got %d, want no answer", response.StatusCode)
		_ = response.Body.Close()
	}
	b.mustSee(0)
	close(release)
	select {
	case code := <-answered:
		if code != http.StatusCreated {
			t.Errorf("the server answers %d", code)
		}
	case <-soon():
		t.Fatal("the request does not arrive")
	}
	b.mustSee(1)
	b.mustCount("late", 1)
}

func TestAnAbortedRequestDoesNotArrive(t *testing.T) {
	b := newBed(t, &proxy.Rule{Name: "abort", When: proxy.Nth(1), Fault: proxy.Abort()})
	if code, _, err := b.do(http.MethodPost, policies, "a policy"); err == nil {
		t.Errorf("got %d, want an error", code)
	}
	b.mustSee(0)
	b.mustCreate()
	b.mustCount("abort", 1)
}

func TestARequestWithALostReplyArrives(t *testing.T) {
	b := newBed(t, &proxy.Rule{Name: "lost", When: proxy.Nth(1), Fault: proxy.LoseReply()})
	if code, _, err := b.do(http.MethodPost, policies, "a policy"); err == nil {
		t.Errorf("got %d, want an error", code)
	}
	b.mustSee(1)
	b.mustCreate()
	b.mustCount("lost", 1)
}

func TestACrashEndsEverythingAtItsPoint(t *testing.T) {
	for name, point := range map[string]struct {
		fault   func(hook func()) proxy.Fault
		arrived int
		replied bool
	}{
		"before it is sent": {proxy.CrashBefore, 0, false},
		"after the commit":  {proxy.CrashAfterCommit, 1, false},
		"after the reply":   {proxy.CrashAfterReply, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			var b *bed
			ended := make(chan struct{})
			b = newBed(t, &proxy.Rule{Name: "crash", When: proxy.Nth(1), Fault: point.fault(func() {
				defer close(ended)
				b.mustSee(point.arrived)
				// What the program still sends while it dies.
				dying, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				defer cancel()
				if response, err := b.request(dying, http.MethodPost, policies, "another policy"); err == nil {
					t.Errorf("the dying program is answered %d", response.StatusCode)
					_ = response.Body.Close()
				}
			})})
			code, text, err := b.do(http.MethodPost, policies, "a policy")
			if replied := err == nil && code == http.StatusCreated && text == "a policy"; replied != point.replied {
				t.Errorf("got %d, %q, %v", code, text, err)
			}
			select {
			case <-ended:
			case <-soon():
				t.Fatal("the hook has not run")
			}
			b.mustSee(point.arrived)
			b.mustCount("crash", 1)
		})
	}
}
