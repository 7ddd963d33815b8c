package semantics_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/intent"
	"firebreak.dev/firebreak/test/random"
)

// TestTheEvaluatorAgreesWithItself asks about the same connections by pair, by class, and by flow, among policies that anybody
// may have written, with and without those of profiles.
func TestTheEvaluatorAgreesWithItself(t *testing.T) {
	var all tally
	clusters := *cases / 8
	eachCase(t, clusters, func(number uint64) error {
		d := random.New(*seed, number)
		c := d.Foreign()
		if number%4 == 0 {
			c = d.Cluster()
			c.Policies = d.Foreign().Policies
		}
		seen, err := consistent(world(c))
		all.add(seen)
		if err == nil {
			return nil
		}
		small := shrunk(c, func(c random.Cluster) bool { _, err := consistent(world(c)); return err != nil })
		_, err = consistent(world(small))
		return fmt.Errorf("%w\nA smaller cluster that fails:\n%s", err, describe(small))
	})
	all.mustProveMuch(t, clusters)
}

// world returns the cluster with all its policies, compiled and foreign.
func world(c random.Cluster) evaluator.World {
	return evaluator.World{Namespaces: c.Namespaces, Pods: c.Pods, Policies: slices.Concat(c.Policies, compiled(c))}
}

// consistent returns where the answers of the evaluator contradict each other: about pods, by pair, by class and by flow.
func consistent(w evaluator.World) (counts, error) {
	var seen counts
	e, err := evaluator.New(w)
	if err != nil {
		return seen, err
	}
	matrix := e.Matrix()
	classOf := classes(matrix)
	flows := byPair(matrix)
	for i := range w.Pods {
		for j := range w.Pods {
			source, destination := &w.Pods[i], &w.Pods[j]
			if i == j || source.Completed || destination.Completed {
				continue
			}
			pair := [2]int{classOf[i], classOf[j]}
			between := matrix.Between(pair[0], pair[1])
			if flow := flows[pair]; !flow.Allowed.Equal(between.Allowed) || !flow.Undecidable.Minus(flow.Allowed).Equal(between.Undecidable) {
				return seen, fmt.Errorf("from %s to %s: flows say %s (%s), the matrix %s (%s)",
					source.Name, destination.Name, flow.Allowed, flow.Undecidable, between.Allowed, between.Undecidable)
			}
			said := intent.Said{Allowed: between.Allowed, Undecidable: between.Undecidable}
			seen.count(said)
			if err := evaluatesTo(e, source, destination, said); err != nil {
				return seen, err
			}
		}
	}
	return seen, nil
}

// byPair adds up the flows between each pair of classes.
func byPair(m *evaluator.Matrix) map[[2]int]evaluator.Ports {
	out := map[[2]int]evaluator.Ports{}
	for flow := range m.Flows() {
		for _, source := range flow.Sources {
			for _, destination := range flow.Destinations {
				pair := [2]int{source, destination}
				out[pair] = evaluator.Ports{
					Allowed: out[pair].Allowed.Union(flow.Allowed), Undecidable: out[pair].Undecidable.Union(flow.Undecidable),
				}
			}
		}
	}
	return out
}

// evaluatesTo asks about two pods on the first and last port of each protocol, and wherever the answer changes.
func evaluatesTo(e *evaluator.Evaluator, source, destination *snapshot.Pod, want intent.Said) error {
	ranges := append(portset.All().Ranges(), append(want.Allowed.Ranges(), want.Undecidable.Ranges()...)...)
	for _, r := range ranges {
		for _, port := range []int32{r.First - 1, r.First, r.Last, r.Last + 1} {
			if port < portset.First || port > portset.Last {
				continue
			}
			got := e.Evaluate(evaluator.Connection{
				Source: evaluator.OfPod(source), Destination: evaluator.OfPod(destination), Protocol: r.Protocol, Port: port,
			})
			if verdict := want.Verdict(r.Protocol, port); got.Verdict() != verdict {
				return fmt.Errorf("from %s to %s on %s/%d: the matrix says %s, and asked alone it is %s",
					source.Name, destination.Name, r.Protocol, port, verdict, got.Verdict())
			}
		}
	}
	return nil
}

// TestOrderMeansNothing compiles and evaluates random clusters, and the same ones in another order, to the same bytes. Names are
// valid, and no two policies of a namespace have the same.
func TestOrderMeansNothing(t *testing.T) {
	eachCase(t, *cases/20, func(number uint64) error {
		d := random.New(*seed, number)
		c := d.Cluster()
		c.Policies = d.Foreign().Policies
		again := d.Shuffled(c)
		policies, err := named(compiled(c))
		if err != nil {
			return err
		}
		others, err := named(compiled(again))
		if err != nil {
			return err
		}
		if a, b := networkpolicy.Key(policies), networkpolicy.Key(others); a != b {
			return fmt.Errorf("another order gives other policies:\n%s\n%s", a, b)
		}
		a, err := written(world(c))
		if err != nil {
			return err
		}
		b, err := written(world(again))
		if err == nil && a != b {
			err = fmt.Errorf("another order gives another matrix:\n%s\n%s", a, b)
		}
		return err
	})
}

// named returns policies by namespace and name, or what is wrong with their names.
func named(list []*networkingv1.NetworkPolicy) (map[string]*networkingv1.NetworkPolicy, error) {
	out := map[string]*networkingv1.NetworkPolicy{}
	for _, p := range list {
		if errs := validation.IsDNS1123Subdomain(p.Name); len(errs) > 0 {
			return nil, fmt.Errorf("name %s: %v", p.Name, errs)
		}
		key := p.Namespace + "/" + p.Name
		if out[key] != nil {
			return nil, fmt.Errorf("two policies %s", key)
		}
		out[key] = p
	}
	return out, nil
}

// written writes down a matrix: its classes in their order, and what is between them.
func written(w evaluator.World) (string, error) {
	e, err := evaluator.New(w)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	m := e.Matrix()
	for i, class := range m.Classes() {
		var names []string
		for _, member := range class.Members {
			names = append(names, w.Pods[member].Name)
		}
		slices.Sort(names)
		fmt.Fprintf(&out, "%s: %+v\n", names, class.Pod)
		for j := range m.Classes() {
			ports := m.Between(i, j)
			fmt.Fprintf(&out, "  to %d: %s (%s)\n", j, ports.Allowed, ports.Undecidable)
		}
	}
	return out.String(), nil
}
