package compiler

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

// nodesProfile returns a valid profile of tiers, each of which talks in each of these entries to nodes, named so many
// times. Each entry has a port of its own, or all the same.
func nodesProfile(tiers, entries, times int, ownPorts bool) snapshot.Profile {
	p := sized(true)
	p.Tiers = nil
	for i := range tiers {
		name := fmt.Sprintf("t%d", i)
		p.Tiers = append(p.Tiers, v1alpha1.ClusterTier{Tier: v1alpha1.Tier{
			Name: name, PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": v1alpha1.LabelValue(name)}},
		}})
	}
	for i := range entries {
		entry := v1alpha1.AllowEntry{Name: fmt.Sprintf("e%d", i), Ports: []v1alpha1.Port{{Port: intstr.FromInt32(80), Protocol: "TCP"}}}
		if ownPorts {
			entry.Ports[0].Port = intstr.FromInt32(int32(1000 + i))
		}
		for _, tier := range p.Tiers {
			entry.From = append(entry.From, v1alpha1.Peer{Tier: tier.Name})
		}
		entry.To = slices.Repeat([]v1alpha1.Peer{{Nodes: &v1alpha1.NodesPeer{}}}, times)
		p.Allow = append(p.Allow, entry)
	}
	return p
}

// withNodes returns a snapshot with that many nodes, no two of which are neighbours.
func withNodes(p snapshot.Profile, n int) snapshot.Snapshot {
	s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop"}, Profiles: []snapshot.Profile{p}}
	for i := range n {
		addr := netip.AddrFrom4([4]byte{byte(10 + i/1000000), byte(i / (100 * 100) % 100), byte(i / 100 % 100), byte(2*(i%100) + 1)})
		s.Facts.Nodes = append(s.Facts.Nodes, snapshot.Node{Name: fmt.Sprint(i), Addresses: []netip.Addr{addr}})
	}
	return s
}

func TestEqualPeersAreResolvedOnce(t *testing.T) {
	allocations := func(entries, times int) float64 {
		p := nodesProfile(1, entries, times, true)
		if errs := validation.Validate(p); len(errs) > 0 {
			t.Fatal(errs)
		}
		s := withNodes(p, 500)
		return testing.AllocsPerRun(1, func() { Compile(s) })
	}
	one, many := allocations(1, 1), allocations(64, 32)
	// What remains is a few for each of the 2048 peers; each that is resolved would cost more than 500.
	if limit := one + 64*32*30; many > limit {
		t.Errorf("one peer costs %.0f allocations, 2048 equal ones cost %.0f, want at most %.0f", one, many, limit)
	}
}

func TestWhatIsFoundIsFoundAtEveryPlaceOfEqualPeers(t *testing.T) {
	var places []string
	for _, f := range Compile(withNodes(nodesProfile(2, 2, 2, false), 0))[0].Findings {
		if f.Code != v1alpha1.CodeUnresolvedPeer {
			t.Errorf("finding %+v", f)
		}
		places = append(places, f.Place)
	}
	if want := []string{"allow[e0].to[0]", "allow[e0].to[1]", "allow[e1].to[0]", "allow[e1].to[1]"}; !slices.Equal(places, want) {
		t.Errorf("found at %q, want %q", places, want)
	}
}

func TestAProfileWhosePoliciesCannotBeStoredIsFrozen(t *testing.T) {
	for name, c := range map[string]struct {
		profile        snapshot.Profile
		nodes          int
		place, message string
	}{
		"a policy that is just small enough":    {nodesProfile(1, 1, 1, false), 20000, "", ""},
		"the same nodes on many ports":          {nodesProfile(1, 64, 1, true), 20000, "", ""},
		"the same nodes in many entries":        {nodesProfile(1, 64, 32, false), 20000, "", ""},
		"a policy that is too large":            {nodesProfile(1, 2, 1, false), 40000, "tier t0", "The policy of tier t0 would take more than the 1024 KiB that can be stored, so no policy of this profile is changed in this namespace. Most peers come from e0 (40000), e1 (40000); name the ranges of the nodes with --node-cidrs"},
		"policies that are together too large":  {nodesProfile(16, 1, 1, false), 20000, "", "The policies of this profile would take more than 8192 KiB, so none of them is changed in this namespace; use fewer"},
		"peers that are too large before rules": {nodesProfile(1, 1, 1, false), 300000, "", "The policies of this profile would take more than 8192 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			out := Compile(withNodes(c.profile, c.nodes))[0]
			if !slices.Contains(out.Facts, snapshot.Fact{Kind: snapshot.FactNodes}) {
				t.Errorf("nodes are not followed: %v", out.Facts)
			}
			i := slices.IndexFunc(out.Findings, func(f v1alpha1.Finding) bool { return f.Code == v1alpha1.CodePolicyTooLarge })
			if c.message == "" {
				if out.Disposition != Enforce || out.TooLarge != "" || i >= 0 || len(out.Policies) == 0 {
					t.Fatalf("it is %s with %d policies: %s", out.Disposition, len(out.Policies), out.TooLarge)
				}
				return
			}
			if out.Disposition != Freeze || len(out.Policies) > 0 || !out.Selected || !strings.HasPrefix(out.TooLarge, c.message) {
				t.Fatalf("it is %s with %d policies: %s", out.Disposition, len(out.Policies), out.TooLarge)
			}
			if i < 0 || out.Findings[i].Place != c.place || out.Findings[i].Message != out.TooLarge || out.Findings[i].Severity != v1alpha1.SeverityError {
				t.Errorf("findings %+v", out.Findings)
			}
		})
	}
}
