package main

import (
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	coordinationv1 "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"firebreak.dev/firebreak/internal/leadership"
	"firebreak.dev/firebreak/internal/overview"
)

// Who leads renews its lease every two seconds, and gives up when it could not for renewDeadline. Others wait for leaseDuration.
// These are the usual values of Kubernetes' own controllers.
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
)

// election is what decides which replica leads. Without leader election it is empty: then this one leads, always.
type election struct {
	lock      resourcelock.Interface
	term      *leadership.Term
	announcer *announcer
}

func newElection(config *rest.Config, o options) (election, error) {
	if !o.leaderElect {
		return election{}, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return election{}, fmt.Errorf("find a name for this replica: %w", err)
	}
	// AddUserAgent changes what it is given, and a timeout among all clients would end their watches.
	config = rest.AddUserAgent(rest.CopyConfig(config), "leader-election")
	// Room for a second try.
	config.Timeout = renewDeadline / 2
	client, err := coordinationv1.NewForConfig(config)
	if err != nil {
		return election{}, fmt.Errorf("make a client for the lease: %w", err)
	}
	e := election{term: leadership.NewTerm(time.Now), announcer: &announcer{}}
	identity := resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID()), EventRecorder: e.announcer}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, o.leaderElectionNamespace, overview.LeaseName(), nil, client, identity)
	if err != nil {
		return election{}, fmt.Errorf("prepare the election of a leader: %w", err)
	}
	e.lock = leadership.Lock(lock, e.term)
	return e, nil
}

// announcer emits the event that says who leads, as soon as there is a manager to emit it.
type announcer struct {
	mgr manager.Manager
}

// of tells an announcer, if there is one, by which manager it emits.
func (a *announcer) of(mgr manager.Manager) {
	if a != nil {
		a.mgr = mgr
	}
}

// Eventf implements resourcelock.EventRecorder.
func (a *announcer) Eventf(obj runtime.Object, eventType, reason, message string, args ...any) {
	//nolint:staticcheck // client-go says this by the interface of the older events API
	a.mgr.GetEventRecorderFor("firebreak").Eventf(obj, eventType, reason, message, args...)
}
