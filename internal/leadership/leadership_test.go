package leadership

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
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

var (
	mine    = resourcelock.LeaderElectionRecord{HolderIdentity: "me", LeaseDurationSeconds: 15}
	nobodys = resourcelock.LeaderElectionRecord{LeaseDurationSeconds: 1}
)

func writes(t *testing.T, term *Term) bool {
	t.Helper()
	written := false
	err := term.During(t.Context(), func(context.Context) error { written = true; return nil })
	if written != (err == nil) || (err != nil && !errors.Is(err, ErrOver)) {
		t.Errorf("written: %v, and %v", written, err)
	}
	return written
}

func TestATermLastsFromWhenTheLastRenewalWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term, s := NewTerm(time.Now), &server{}
		lock := Lock(s, term)
		if writes(t, term) {
			t.Error("before the term")
		}
		if err := lock.Create(t.Context(), mine); err != nil || !writes(t, term) {
			t.Errorf("not when the lease is acquired: %v", err)
		}
		time.Sleep(10 * time.Second) //nolint:forbidigo // in a bubble
		s.takes = 3 * time.Second
		if err := lock.Update(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15*time.Second - margin - s.takes - 1) //nolint:forbidigo // in a bubble
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
		if err := lock.Create(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second) //nolint:forbidigo // in a bubble
		s.err = errors.New("timed out")
		if err := lock.Update(t.Context(), mine); !errors.Is(err, s.err) {
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
		if err := lock.Create(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		s.err = errors.New("timed out")
		if err := lock.Update(t.Context(), nobodys); !errors.Is(err, s.err) || writes(t, term) {
			t.Errorf("something is written, and the error is %v", err)
		}
	})
}

func TestALeaseThatIsSeenToBeAnothersEndsATerm(t *testing.T) {
	term, s := NewTerm(time.Now), &server{held: mine}
	lock := Lock(s, term)
	if err := lock.Create(t.Context(), mine); err != nil {
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

func TestAWriteThatHangsIsBrokenOffWithTheTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		term := NewTerm(time.Now)
		if err := Lock(&server{}, term).Create(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err := term.During(t.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if took := time.Since(began); took != 15*time.Second-margin || !errors.Is(err, ErrOver) {
			t.Errorf("after %s: %v", took, err)
		}
	})
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
	if err := Lock(&server{}, term).Create(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	if err := Client(of, term).Create(t.Context(), pod.DeepCopy()); err != nil {
		t.Errorf("during the term: %v", err)
	}
}
