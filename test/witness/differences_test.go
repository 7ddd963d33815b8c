package witness

import (
	"context"
	"fmt"
	"slices"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
)

// difference is a known reason why the evaluator and the engine differ.
type difference string

// The known differences. In each the evaluator is held to the one verdict that it must give.
const (
	none difference = ""
	// itself: a pod reaches itself over its own loopback device, so that no plugin sees the packet. The evaluator says so; the
	// engine, asked about a packet that it never gets, applies the policies. ("A pod cannot block access to itself", says
	// kubernetes.io/docs/concepts/services-networking/network-policies.)
	itself difference = "a pod and itself"
	// completed: the kubelet takes the network from a pod that has completed, and its address may be another's by now, while
	// status.podIPs still has it. The evaluator denies; the engine finds the pod by the address, unless one that runs has it too.
	completed difference = "a completed pod"
)

// compare holds an answer of the evaluator against the engine. It returns the known difference that accounts for what
// differs; an error if none does, or if the answer is not what that difference demands.
func (w *witness) compare(ctx context.Context, c evaluator.Connection, answer evaluator.Answer) (difference, error) {
	egress, err := w.decide(ctx, networkpolicy.Egress, c)
	if err != nil {
		return none, err
	}
	ingress, err := w.decide(ctx, networkpolicy.Ingress, c)
	if err != nil {
		return none, err
	}
	for known, demanded := range map[difference]evaluator.Verdict{itself: evaluator.NotIsolated, completed: evaluator.Denied} {
		if !known.concerns(c) {
			continue
		}
		if answer.Egress.Verdict != demanded || answer.Ingress.Verdict != demanded {
			return none, fmt.Errorf("egress %s and ingress %s, but of %s both must be %s", answer.Egress.Verdict, answer.Ingress.Verdict, known, demanded)
		}
		if egress == demanded && ingress == demanded {
			return none, nil
		}
		return known, nil
	}
	if answer.Egress.Verdict != egress || answer.Ingress.Verdict != ingress {
		return none, fmt.Errorf("egress %s and ingress %s, but the engine says egress %s and ingress %s", answer.Egress.Verdict, answer.Ingress.Verdict, egress, ingress)
	}
	passes, err := w.passes(ctx, c)
	if err != nil {
		return none, err
	}
	whole := answer.Verdict()
	if whole == evaluator.Allowed && slices.Contains(passes, false) || whole == evaluator.Denied && slices.Contains(passes, true) {
		return none, fmt.Errorf("%s, but the engine's pipeline accepts %v", whole, passes)
	}
	return none, nil
}

// concerns says whether the difference is about such connections.
func (d difference) concerns(c evaluator.Connection) bool {
	source, destination := c.Source.Pod, c.Destination.Pod
	anyCompleted := source != nil && source.Completed || destination != nil && destination.Completed
	switch d {
	case itself:
		return source != nil && source == destination && !anyCompleted
	case completed:
		return anyCompleted
	case none:
	}
	return false
}
