package proxy_test

import (
	"bufio"
	"net/http"
	"testing"
	"time"

	"firebreak.dev/firebreak/test/faults/proxy"
)

// watching begins a watch and returns what it delivers, line by line; the channel is closed when it ends.
func (b *bed) watching() <-chan string {
	b.t.Helper()
	lines := make(chan string)
	go func() {
		defer close(lines)
		response, err := b.request(b.t.Context(), http.MethodGet, policies+"?watch=true", "")
		if err != nil {
			return
		}
		defer func() { _ = response.Body.Close() }()
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return lines
}

// mustDeliver fails unless the next thing that a watch does is to deliver an event; "" stands for its end.
func mustDeliver(t *testing.T, watch <-chan string, want string) {
	t.Helper()
	select {
	case got := <-watch:
		if got != want {
			t.Errorf("the watch delivers %q, want %q", got, want)
		}
	case <-soon():
		t.Fatalf("the watch does not deliver %q", want)
	}
}

func mustDeliverNothing(t *testing.T, watch <-chan string) {
	t.Helper()
	select {
	case got := <-watch:
		t.Errorf("the watch delivers %q", got)
	case <-time.After(200 * time.Millisecond):
	}
}

func TestAFrozenWatchDeliversEverythingAfterTheThaw(t *testing.T) {
	valve := &proxy.Valve{}
	b := newBed(t, &proxy.Rule{Name: "frozen", Requests: proxy.Requests{Verbs: []string{"watch"}}, Fault: valve.Fault()})
	watch := b.watching()
	b.events <- "one"
	mustDeliver(t, watch, "one")
	b.mustCount("frozen", 0)

	valve.Freeze()
	b.events <- "two"
	b.events <- "three"
	mustDeliverNothing(t, watch)
	b.mustCreate()
	b.mustCount("frozen", 1)

	valve.Thaw()
	mustDeliver(t, watch, "two")
	mustDeliver(t, watch, "three")
}

func TestACutWatchEnds(t *testing.T) {
	for _, state := range []string{"open", "frozen"} {
		t.Run(state, func(t *testing.T) {
			valve := &proxy.Valve{}
			b := newBed(t, &proxy.Rule{Name: "cut", Requests: proxy.Requests{Verbs: []string{"watch"}}, Fault: valve.Fault()})
			watch := b.watching()
			b.events <- "one"
			mustDeliver(t, watch, "one")
			if state == "frozen" {
				valve.Freeze()
				b.events <- "two"
				mustDeliverNothing(t, watch)
			}
			valve.Cut()
			mustDeliver(t, watch, "")
			select {
			case <-b.ended:
			case <-soon():
				t.Fatal("the server does not see the watch end")
			}
			valve.Thaw()

			again := b.watching()
			b.events <- "three"
			mustDeliver(t, again, "three")
		})
	}
}
