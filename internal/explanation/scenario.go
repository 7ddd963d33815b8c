package explanation

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/snapshot"
)

// scenario is the namespaces of both ends with the policies that are in force, or would be.
type scenario struct {
	// previewed is the profile that would be enforced; empty for what is in force.
	previewed snapshot.ProfileKey
	// places are by name.
	places    map[string]*analyzer.Place
	evaluator *evaluator.Evaluator
}

// places are the namespaces of both ends, each once.
func (x *explainer) places() []*place {
	var out []*place
	for _, e := range []*end{x.source, x.destination} {
		if e.place != nil && !slices.ContainsFunc(out, func(n *place) bool { return n.Namespace.Name == e.Namespace }) {
			out = append(out, e.place)
		}
	}
	return out
}

// imagine builds the scenarios: what is in force, and for each profile that is previewed, what would be.
func (x *explainer) imagine() error {
	now := &scenario{places: map[string]*analyzer.Place{}}
	for _, n := range x.places() {
		now.places[n.Namespace.Name] = n.Place
	}
	x.scenarios = []*scenario{now}
	for _, n := range x.places() {
		for _, o := range n.Outputs {
			if o.Disposition != compiler.Preview || !o.Selected {
				continue
			}
			place, err := analyzer.Enforced(o, n.Place)
			if err != nil {
				return fmt.Errorf("preview %s: %w", o.Profile.Key, err)
			}
			x.previewed(o.Profile.Key).places[n.Namespace.Name] = place
		}
	}
	for _, s := range x.scenarios {
		if err := s.read(); err != nil {
			return err
		}
	}
	return nil
}

// previewed returns the scenario in which a profile is enforced: a profile may act in the namespaces of both ends.
func (x *explainer) previewed(key snapshot.ProfileKey) *scenario {
	i := slices.IndexFunc(x.scenarios, func(s *scenario) bool { return s.previewed == key })
	if i >= 0 {
		return x.scenarios[i]
	}
	s := &scenario{previewed: key, places: map[string]*analyzer.Place{}}
	for name, place := range x.scenarios[0].places {
		s.places[name] = place
	}
	x.scenarios = append(x.scenarios, s)
	return s
}

func (s *scenario) read() error {
	var world evaluator.World
	for _, place := range s.places {
		world.Namespaces = append(world.Namespaces, place.Namespace)
		world.Policies = append(world.Policies, place.Policies...)
	}
	var err error
	s.evaluator, err = evaluator.New(world)
	return err
}

// policyNamed finds a policy in a place.
func policyNamed(place *analyzer.Place, name string) *networkingv1.NetworkPolicy {
	for _, p := range place.Policies {
		if p.Name == name {
			return p
		}
	}
	return nil
}
