package connectivity

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/random"
)

// rankOf says how open a port is: 0 not at all, 1 undecidable, 2 for some pods, 3 for all.
func rankOf(s state, port portset.Range) int {
	switch {
	case s.allowed.Contains(port.Protocol, port.First):
		return 3
	case s.some.Contains(port.Protocol, port.First):
		return 2
	case s.undecidable.Contains(port.Protocol, port.First):
		return 1
	}
	return 0
}

// TestChangesAreThePortsThatAreMoreOrLessOpen holds what is gained and lost between two parties against each port of theirs.
func TestChangesAreThePortsThatAreMoreOrLessOpen(t *testing.T) {
	rises := map[[2]int]int{}
	everyCase(t, func(t *testing.T, d random.Drawer) {
		x, y := drawn(d)
		f, err := newField(Scope{}, Of(settled(t, x), PartOfCluster), Of(settled(t, y), PartOfCluster))
		if err != nil {
			t.Fatal(err)
		}
		ports := f.somePorts()
		for c := range f.cells() {
			var gained, lost portset.Set
			for _, change := range f.changesOf(c) {
				if change.Kind == Gained || change.Kind == Widened {
					gained = change.Ports.All()
				} else {
					lost = change.Ports.All()
				}
			}
			for _, port := range ports {
				before, after := rankOf(c.states[0], port), rankOf(c.states[1], port)
				rises[[2]int{before, after}]++
				if gained.Contains(port.Protocol, port.First) != (after > before) || lost.Contains(port.Protocol, port.First) != (after < before) {
					t.Fatalf("%s goes from %d to %d, gained are %s and lost %s", port, before, after, gained, lost)
				}
			}
		}
	})
	// Rarer turns, such as from undecidable to open, are not drawn in every run.
	t.Logf("ports by what they were and became: %v", rises)
	if rises[[2]int{0, 3}] == 0 || rises[[2]int{3, 0}] == 0 {
		t.Error("no port was opened, or none closed")
	}
}

func TestTheInternetOfOneFamilyIsNotThatOfTheOther(t *testing.T) {
	policy := &networkingv1.NetworkPolicy{}
	policy.Name, policy.Namespace = "out", "shop"
	policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
	policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "2000::/3"}}}}}
	place, err := analyzer.NewPlace(snapshot.Namespace{Name: "shop"}, []*networkingv1.NetworkPolicy{policy}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Table(&View{Places: []*analyzer.Place{place}}, Scope{})
	if err != nil {
		t.Fatal(err)
	}
	var to []string
	for _, c := range m.Connections {
		if c.From.Inside && c.To.Kind == KindAddresses {
			to = append(to, c.To.String())
		}
	}
	if len(to) != 1 || to[0] != internetIPv6 {
		t.Errorf("reached are %q", to)
	}
}
