package compiler

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// addresses returns n ranges that do not join, the same for the same seed.
func addresses(seed, n int) *v1alpha1.IPBlocksPeer {
	out := &v1alpha1.IPBlocksPeer{}
	for i := range n {
		out.CIDRs = append(out.CIDRs, fmt.Sprintf("198.51.%d.%d/32", seed, 2*i))
	}
	return out
}

// sized returns a profile of one tier and an entry for each of these numbers of peers, on one port each or on the same.
func sized(onePort bool, sizes ...int) snapshot.Profile {
	settings := v1alpha1.ProfileSettings{Mode: v1alpha1.ModeEnforce, Isolation: v1alpha1.IsolationTiers, DNS: v1alpha1.DNSNone, DeletionPolicy: v1alpha1.DeletionPolicyDelete}
	for i, n := range sizes {
		entry := v1alpha1.AllowEntry{Name: fmt.Sprintf("e%d", i), From: []v1alpha1.Peer{{Tier: "web"}}}
		for part := 0; n > 0; part, n = part+1, n-60 {
			entry.To = append(entry.To, v1alpha1.Peer{IPBlocks: addresses(8*i+part, min(n, 60))})
		}
		port := int32(1000)
		if !onePort {
			port += int32(i)
		}
		entry.Ports = []v1alpha1.Port{{Port: intstr.FromInt32(port), Protocol: "TCP"}}
		settings.Allow = append(settings.Allow, entry)
	}
	return snapshot.Profile{
		Key: snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "p"}, ProfileSettings: settings,
		Tiers: []v1alpha1.ClusterTier{{Tier: v1alpha1.Tier{Name: "web", PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": "web"}}}}},
	}
}

func TestAPolicyOfTooManyPeersIsNamedWithWhatMakesItSo(t *testing.T) {
	const advice = " peers, and more than 500 are more than many network plugins take well. Most come from "
	const ranges = "; use fewer and wider ranges, or selectors that match more."
	twice := sized(false, 260, 260)
	twice.Allow[1].To = append([]v1alpha1.Peer{{IPBlocks: addresses(200, 1)}}, twice.Allow[0].To...)
	for name, c := range map[string]struct {
		profile snapshot.Profile
		want    string
	}{
		"as many as are well":                         {sized(true, 300, 200), ""},
		"one more":                                    {sized(true, 300, 201), "The policy of tier web has 501" + advice + "e0 (300), e1 (201)" + ranges},
		"the entries with the most come first":        {sized(true, 100, 60, 60, 301), "The policy of tier web has 521" + advice + "e3 (301), e0 (100), e1 (60)" + ranges},
		"the same peers on other ports count again":   {twice, "The policy of tier web has 521" + advice + "e1 (261), e0 (260)" + ranges},
		"in one rule the same peers are the same few": {onSamePort(twice), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop"}, Profiles: []snapshot.Profile{c.profile}}
			out := Compile(s)[0]
			if out.Disposition != Enforce {
				t.Fatalf("the profile is not compiled: %s", out.Disposition)
			}
			var messages []string
			for _, f := range out.Findings {
				if f.Code != v1alpha1.CodeTooManyPeers || f.Place != "tier web" || f.Severity != v1alpha1.SeverityWarning {
					t.Errorf("finding %+v", f)
				}
				messages = append(messages, f.Message)
			}
			if got := strings.Join(messages, "\n"); got != c.want {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func onSamePort(p snapshot.Profile) snapshot.Profile {
	entries := append([]v1alpha1.AllowEntry(nil), p.Allow...)
	for i := range entries {
		entries[i].Ports = entries[0].Ports
	}
	p.Allow = entries
	return p
}

func TestTooManyNodesAreToBeNamedByTheirRanges(t *testing.T) {
	p := sized(true, 10, 1)
	p.Allow[1].To = []v1alpha1.Peer{{Nodes: &v1alpha1.NodesPeer{}}}
	s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop"}, Profiles: []snapshot.Profile{p}}
	for i := range 600 {
		// Every other address, so that none join.
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i / 100), byte(2 * (i % 100))})
		s.Facts.Nodes = append(s.Facts.Nodes, snapshot.Node{Name: fmt.Sprint(i), Addresses: []netip.Addr{addr}})
	}
	found := Compile(s)[0].Findings
	if len(found) != 1 || !strings.HasSuffix(found[0].Message, "Most come from e1 (600), e0 (10); name the ranges of the nodes with --node-cidrs and leave nodeSelector out, so that not every node is listed.") {
		t.Errorf("findings %+v", found)
	}
	s.Options.NodeCIDRs = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}
	if found := Compile(s)[0].Findings; len(found) > 0 {
		t.Errorf("where the ranges are named: %+v", found)
	}
}
