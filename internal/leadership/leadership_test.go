package leadership

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// server is a lock whose answers take time, and may be errors.
type server struct {
	resourcelock.Interface
	takes time.Duration
	err   error
	held  resourcelock.LeaderElectionRecord
}

func (s *server) Identity() string { return "me" }

func (s *server) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	return &s.held, nil, s.err
}

func (s *server) Create(context.Context, resourcelock.LeaderElectionRecord) error {
	time.Sleep(s.takes) //nolint:forbidigo // in a bubble, where time does not pass
	return s.err
}

func (s *server) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return s.Create(ctx, record)
}

// nobodys is a lease that is given back.
var nobodys = resourcelock.LeaderElectionRecord{LeaseDurationSeconds: 1}

// mine is a lease that is renewed now.
func mine() resourcelock.LeaderElectionRecord {
	return resourcelock.LeaderElectionRecord{HolderIdentity: "me", LeaseDurationSeconds: 15, RenewTime: metav1.Now()}
}

func writes(t *testing.T, term *Term) bool {
	t.Helper()
	written := false
	err := term.During(t.Context(), func(context.Context) error { written = true; return nil })
	if written != (err == nil) || (err != nil && !errors.Is(err, ErrOver)) {
		t.Errorf("written: %v, and %v", written, err)
	}
	return written
}

func TestATermLastsFromWhenTheLastRenewalSaysItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, s := NewTerm(time.Now), &server{}
		lock := Lock(s, term)
		if writes(t, term) {
			t.Error("before the term")
		}
		if err := lock.Create(t.Context(), mine()); err != nil || !writes(t, term) {
			t.Errorf("not when the lease is acquired: %v", err)
		}
		time.Sleep(10 * time.Second) //nolint:forbidigo // in a bubble
		renewal := mine()
		s.takes, s.err = 3*time.Second, errors.New("timed out")
		if err := lock.Update(t.Context(), renewal); !errors.Is(err, s.err) {
			t.Fatal(err)
		}
		// The same once more: others may have seen it the first time.
		s.err = nil
		if err := lock.Update(t.Context(), renewal); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15*time.Second - margin - 2*s.takes - time.Nanosecond) //nolint:forbidigo // in a bubble
		if !writes(t, term) {
			t.Error("not until the renewed lease runs out")
		}
		time.Sleep(time.Nanosecond) //nolint:forbidigo // in a bubble
		if writes(t, term) {
			t.Error("when the lease may be another's")
		}
	})
}

func TestARenewalThatFailedDoesNotExtendATerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, s := NewTerm(time.Now), &server{}
		lock := Lock(s, term)
		if err := lock.Create(t.Context(), mine()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second) //nolint:forbidigo // in a bubble
		s.err = errors.New("timed out")
		if err := lock.Update(t.Context(), mine()); !errors.Is(err, s.err) {
			t.Errorf("the error is %v", err)
		}
		if !writes(t, term) {
			t.Error("not while the lease still holds")
		}
		time.Sleep(5 * time.Second) //nolint:forbidigo // in a bubble
		if writes(t, term) {
			t.Error("when the lease may be another's")
		}
	})
}

func TestWhoGivesALeaseBackWritesNothingMoreWhateverTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, s := NewTerm(time.Now), &server{}
		lock := Lock(s, term)
		if err := lock.Create(t.Context(), mine()); err != nil {
			t.Fatal(err)
		}
		s.err = errors.New("timed out")
		if err := lock.Update(t.Context(), nobodys); !errors.Is(err, s.err) || writes(t, term) {
			t.Errorf("something is written, and the error is %v", err)
		}
	})
}

func TestALeaseThatIsSeenToBeAnothersEndsATerm(t *testing.T) {
	term, s := NewTerm(time.Now), &server{held: mine()}
	lock := Lock(s, term)
	if err := lock.Create(t.Context(), mine()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := lock.Get(t.Context()); err != nil || !writes(t, term) {
		t.Errorf("one's own lease ends it: %v", err)
	}
	s.held, s.err = resourcelock.LeaderElectionRecord{HolderIdentity: "you"}, errors.New("timed out")
	if _, _, err := lock.Get(t.Context()); err == nil || !writes(t, term) {
		t.Errorf("an error ends it: %v", err)
	}
	s.err = nil
	if _, _, err := lock.Get(t.Context()); err != nil || writes(t, term) {
		t.Errorf("it goes on: %v", err)
	}
}

// hanging begins a write that hangs, and returns what became of it when something is done meanwhile.
func hanging(t *testing.T, term *Term, meanwhile func()) (took time.Duration, err error) {
	t.Helper()
	began, done := time.Now(), make(chan error)
	go func() {
		done <- term.During(t.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	synctest.Wait()
	meanwhile()
	err = <-done
	return time.Since(began), err
}

func TestAWriteThatHangsIsBrokenOffWithTheTerm(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(resourcelock.Interface)
		want      time.Duration
	}{
		"when the lease runs out": {func(resourcelock.Interface) {}, 15*time.Second - margin},
		"when it is given back":   {func(lock resourcelock.Interface) { _ = lock.Update(context.Background(), nobodys) }, 0},
		"and not while it is renewed": {func(lock resourcelock.Interface) {
			time.Sleep(10 * time.Second) //nolint:forbidigo // in a bubble
			_ = lock.Update(context.Background(), mine())
		}, 25*time.Second - margin},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				term := NewTerm(time.Now)
				lock := Lock(&server{}, term)
				if err := lock.Create(t.Context(), mine()); err != nil {
					t.Fatal(err)
				}
				took, err := hanging(t, term, func() { c.meanwhile(lock) })
				if took != c.want || !errors.Is(err, ErrOver) || !strings.Contains(err.Error(), "perhaps made all the same") {
					t.Errorf("after %s, want %s: %v", took, c.want, err)
				}
			})
		})
	}
}

func TestWhatIsAnsweredAfterTheTermIsToldAsItIs(t *testing.T) {
	term := NewTerm(time.Now)
	lock := Lock(&server{}, term)
	if err := lock.Create(t.Context(), mine()); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("conflict")
	err := term.During(t.Context(), func(ctx context.Context) error {
		_ = lock.Update(t.Context(), nobodys)
		<-ctx.Done()
		return refused
	})
	if !errors.Is(err, refused) || errors.Is(err, ErrOver) {
		t.Errorf("got %v", err)
	}
}

func TestWithoutLeaderElectionATermNeverEnds(t *testing.T) {
	if !writes(t, nil) {
		t.Error("nothing is written")
	}
	if of := fake.NewFakeClient(); Client(of, nil) != client.Client(of) {
		t.Error("the client is another")
	}
}

func TestEveryWriteOfAClientIsBoundedAndNoReadIs(t *testing.T) {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = "shop", "web"
	applied := corev1apply.Pod("web", "shop")
	patch := client.MergeFrom(pod.DeepCopy())
	all := map[string]func(context.Context, client.Client) error{
		"create":     func(ctx context.Context, c client.Client) error { return c.Create(ctx, pod.DeepCopy()) },
		"update":     func(ctx context.Context, c client.Client) error { return c.Update(ctx, pod.DeepCopy()) },
		"patch":      func(ctx context.Context, c client.Client) error { return c.Patch(ctx, pod.DeepCopy(), patch) },
		"delete":     func(ctx context.Context, c client.Client) error { return c.Delete(ctx, pod.DeepCopy()) },
		"delete all": func(ctx context.Context, c client.Client) error { return c.DeleteAllOf(ctx, &corev1.Pod{}) },
		"apply":      func(ctx context.Context, c client.Client) error { return c.Apply(ctx, applied) },
		"status create": func(ctx context.Context, c client.Client) error {
			return c.Status().Create(ctx, pod.DeepCopy(), pod.DeepCopy())
		},
		"status update": func(ctx context.Context, c client.Client) error { return c.Status().Update(ctx, pod.DeepCopy()) },
		"status patch":  func(ctx context.Context, c client.Client) error { return c.Status().Patch(ctx, pod.DeepCopy(), patch) },
		"status apply":  func(ctx context.Context, c client.Client) error { return c.Status().Apply(ctx, applied) },
		"eviction": func(ctx context.Context, c client.Client) error {
			return c.SubResource("eviction").Create(ctx, pod.DeepCopy(), pod.DeepCopy())
		},
	}
	for name, write := range all {
		of := fake.NewClientBuilder().WithObjects(pod.DeepCopy()).WithStatusSubresource(pod).Build()
		c := Client(of, NewTerm(time.Now))
		if err := write(t.Context(), c); !errors.Is(err, ErrOver) {
			t.Errorf("%s: %v", name, err)
		}
		got := &corev1.Pod{}
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(pod), got); err != nil || got.ResourceVersion != "999" {
			t.Errorf("%s: the pod is there in version %q, %v", name, got.ResourceVersion, err)
		}
	}
	of := fake.NewClientBuilder().Build()
	term := NewTerm(time.Now)
	if err := Lock(&server{}, term).Create(t.Context(), mine()); err != nil {
		t.Fatal(err)
	}
	if err := Client(of, term).Create(t.Context(), pod.DeepCopy()); err != nil {
		t.Errorf("during the term: %v", err)
	}
}
