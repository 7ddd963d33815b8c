package overview

import (
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// OperatorState says whether an operator seems to be there.
type OperatorState string

const (
	// OperatorRunning means: it holds its lease.
	OperatorRunning OperatorState = "Running"
	// OperatorNotSeen means: nothing is seen of it where it should be seen. It may still run somewhere else.
	OperatorNotSeen OperatorState = "NotSeen"
	// OperatorUnknown means: that cannot be seen.
	OperatorUnknown OperatorState = "Unknown"
)

// Operator is what is known of the operator.
type Operator struct {
	State OperatorState `json:"state"`
	// Message is a sentence; empty when it runs.
	Message string `json:"message,omitempty"`
}

const (
	// leaseName is that of the lease that the operator acts under.
	leaseName = "controller-manager.firebreak.dev"
	// leaseGrace is what clocks may differ by, and a new leader may take to begin.
	leaseGrace = time.Minute
	// patience is how long the operator may take to look at a new profile, also when it starts just then.
	patience = time.Minute
)

// LeaseName is the name of the lease that the operator acts under.
func LeaseName() string { return leaseName }

// OperatorOf says what the operator's lease tells; nil when there is none. Its namespace is where it was looked for.
func OperatorOf(lease *coordinationv1.Lease, namespace string, now time.Time) Operator {
	const seems = "No operator seems to be running: "
	if lease == nil {
		return Operator{OperatorNotSeen, seems + fmt.Sprintf("namespace %s has no lease of it. What the profiles say of themselves may be old.", namespace)}
	}
	spec := lease.Spec
	var renewed time.Time
	if spec.RenewTime != nil {
		renewed = spec.RenewTime.Time
	}
	lasts := leaseGrace
	if spec.LeaseDurationSeconds != nil {
		lasts += time.Duration(*spec.LeaseDurationSeconds) * time.Second
	}
	switch {
	case spec.HolderIdentity == nil || *spec.HolderIdentity == "":
		return Operator{OperatorNotSeen, seems + fmt.Sprintf("the last one gave back its lease in namespace %s %s ago. What the profiles say of themselves may be as old.",
			namespace, duration.HumanDuration(now.Sub(renewed)))}
	case now.Sub(renewed) > lasts:
		return Operator{OperatorNotSeen, seems + fmt.Sprintf("nobody has renewed its lease in namespace %s for %s. What the profiles say of themselves may be as old.",
			namespace, duration.HumanDuration(now.Sub(renewed)))}
	}
	return Operator{State: OperatorRunning}
}

// OperatorUnseen says that the lease could not be seen, and why in half a sentence.
func OperatorUnseen(why string) Operator {
	return Operator{OperatorUnknown, fmt.Sprintf("Whether an operator is running cannot be seen: %s.", why)}
}

// confirmedBy adds what profiles tell that nobody has looked at, where the lease tells nothing.
func (o Operator) confirmedBy(profiles []Profile, now time.Time) Operator {
	if o.State != OperatorUnknown {
		return o
	}
	for _, p := range profiles {
		if age := now.Sub(p.Created.Time); p.Look == LookNever && age > patience {
			return Operator{OperatorNotSeen, fmt.Sprintf("No operator seems to be running: %s was created %s ago, and none has looked at it.", p.ShortName(), duration.HumanDuration(age))}
		}
	}
	return o
}
