package importer

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// maxSteps is how much Same searches at most, in steps of selector.Budget. Policies as people write them take a few thousand.
const maxSteps = 10 * selector.MaxSearch

// ErrDiffers is the error of a profile that would not mean the same.
var ErrDiffers = errors.New("the profile would not mean the same")

var errUntold = errors.New("their selectors overlap in too many ways to compare them")

// Same returns nil when two lists of policies of a namespace admit the same, for each pod that there could be in it, in both
// directions, from and to each pod that there could be in any namespace, whatever labels pods and namespaces have, and each address
// outside. ErrDiffers says where not; another error, that it cannot be told.
func Same(ns snapshot.Namespace, before, after []*networkingv1.NetworkPolicy) error {
	return sameWithin(maxSteps, ns, before, after)
}

// sameWithin is Same with another bound.
func sameWithin(steps int, ns snapshot.Namespace, before, after []*networkingv1.NetworkPolicy) error {
	was, err := evaluator.Read(ns, before)
	if err != nil {
		return err
	}
	is, err := evaluator.Read(ns, after)
	if err != nil {
		return err
	}
	budget := selector.NewBudget(steps)
	for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
		p := &proof{direction: direction, addresses: addresses(direction, was, is), budget: budget}
		a, b := sideOf(was, direction), sideOf(is, direction)
		found, err := p.notAdmitted(b, a)
		if found == nil && err == nil {
			found, err = p.notAdmitted(a, b)
		}
		switch {
		case errors.Is(err, selector.ErrTooComplex):
			return errUntold
		case err != nil:
			return err
		case found != nil:
			return found.confirm(direction, was, is)
		}
	}
	return nil
}

// addresses returns one of each kind that the rules of a direction tell apart: where ranges begin, and after they end.
func addresses(direction networkpolicy.Direction, lists ...*evaluator.Namespace) []netip.Addr {
	bounds := []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	for _, policies := range lists {
		named, excepted := policies.Blocks(direction)
		for _, p := range slices.Concat(named, excepted) {
			bounds = append(bounds, p.Masked().Addr())
			if next := ipset.Last(p).Next(); next.IsValid() {
				bounds = append(bounds, next)
			}
		}
	}
	slices.SortFunc(bounds, netip.Addr.Compare)
	return slices.Compact(bounds)
}

// confirm asks the evaluator about an example, and says in its words what differs.
func (e *example) confirm(direction networkpolicy.Direction, was, is *evaluator.Namespace) error {
	pod := &snapshot.Pod{Namespace: was.Name(), Labels: e.labelsOf(ofSubject)}
	other := evaluator.Other{Address: e.address}
	if !e.address.IsValid() {
		labels := e.labelsOf(ofNamespace)
		name := labels[selector.NamespaceNameLabel]
		ns, err := evaluator.Read(snapshot.Namespace{Name: name, Labels: labels}, nil)
		if err != nil {
			return err
		}
		other = evaluator.Other{Pod: &snapshot.Pod{Namespace: name, Labels: e.labelsOf(ofOther)}, Namespace: ns}
	}
	if e.name.Name != "" {
		destination := pod
		if direction == networkpolicy.Egress {
			destination = other.Pod
		}
		destination.Ports = []snapshot.ContainerPort{{Name: e.name.Name, Protocol: e.name.Protocol, Port: e.port.First}}
	}
	had, has := was.Admits(direction, pod, other).Ports, is.Admits(direction, pod, other).Ports
	words := fmt.Sprintf("%s of pods with labels %v and %s would be %s, not %s", direction, pod.Labels, inWords(was.Name(), other), has, had)
	if had.Equal(has) {
		// The search and the evaluator do not agree, so neither is to be believed.
		return fmt.Errorf("it cannot be told whether %s", words)
	}
	return fmt.Errorf("%w: %s", ErrDiffers, words)
}

// labelsOf returns the labels of one end.
func (e *example) labelsOf(end string) map[string]string {
	out := map[string]string{}
	for key, value := range e.labels {
		if label, is := strings.CutPrefix(key, end); is {
			out[label] = value
		}
	}
	return out
}

func inWords(own string, other evaluator.Other) string {
	switch {
	case other.Pod == nil:
		return "address " + other.Address.String()
	case other.Namespace.Name() == own:
		return fmt.Sprintf("pods with labels %v of the namespace", other.Pod.Labels)
	}
	return fmt.Sprintf("pods with labels %v of namespace %s", other.Pod.Labels, other.Namespace.Name())
}
