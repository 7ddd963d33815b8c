package compiler

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// leadsTo returns a profile whose one entry leads to a peer.
func leadsTo(peer v1alpha1.Peer) snapshot.Profile {
	p := sized(true, 1)
	p.Allow[0].To = []v1alpha1.Peer{peer}
	return p
}

func TestOnlySoManyAddressesOfAServiceAreTaken(t *testing.T) {
	const perSlice = 100
	s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop"}, Profiles: []snapshot.Profile{leadsTo(v1alpha1.Peer{Service: &v1alpha1.ServicePeer{Name: "db"}})}}
	s.Facts.Services = []corev1.Service{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"}}}
	for i := range snapshot.MaxEndpoints/perSlice + 5 {
		slice := discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Labels: map[string]string{discoveryv1.LabelServiceName: "db"}}}
		for j := range perSlice {
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("192.0.%d.%d", i, j)}})
		}
		// The highest come first.
		s.Facts.EndpointSlices = slices.Insert(s.Facts.EndpointSlices, 0, slice)
	}
	out := Compile(s)[0]
	var facts int
	for _, f := range out.Facts {
		if f.Kind == snapshot.FactPodAddress {
			facts++
		}
	}
	peers := peersOf(out.Policies[0].Spec, networkpolicy.Egress)
	if len(peers) != snapshot.MaxEndpoints || facts != snapshot.MaxEndpoints {
		t.Errorf("%d peers and %d facts", len(peers), facts)
	}
	for _, peer := range peers {
		if strings.HasPrefix(peer.IPBlock.CIDR, "192.0.10.") || strings.HasPrefix(peer.IPBlock.CIDR, "192.0.14.") {
			t.Fatalf("%s is open, and lower ones were left out", peer.IPBlock.CIDR)
		}
	}
	want := "The EndpointSlices of Service shop/db list 500 addresses more than the 1000 that are taken; the highest are not allowed here. Use ipBlocks with ranges."
	if !slices.ContainsFunc(out.Findings, func(f v1alpha1.Finding) bool {
		return f.Code == v1alpha1.CodeUnresolvedPeer && f.Message == want
	}) {
		t.Errorf("findings %+v", out.Findings)
	}
}

func TestTheMistakesOfAnotherProfileDoNotChangeWhoItsTierIs(t *testing.T) {
	for name, c := range map[string]struct {
		mistake func(*v1alpha1.SegmentationProfileSpec)
		found   bool
	}{
		"none":                    {func(*v1alpha1.SegmentationProfileSpec) {}, true},
		"an invalid setting":      {func(s *v1alpha1.SegmentationProfileSpec) { s.PreviewOf = "other" }, true},
		"an invalid entry":        {func(s *v1alpha1.SegmentationProfileSpec) { s.Allow = []v1alpha1.AllowEntry{{Name: "?"}} }, true},
		"an invalid tier besides": {func(s *v1alpha1.SegmentationProfileSpec) { s.Tiers = append(s.Tiers, v1alpha1.Tier{Name: "x"}) }, true},
		"the tier is invalid":     {func(s *v1alpha1.SegmentationProfileSpec) { s.Tiers[0].PodSelector = nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			remote := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: "pay", Name: "pay"}}
			remote.Spec.Tiers = []v1alpha1.Tier{{Name: "api", PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": "api"}}}}
			c.mistake(&remote.Spec)
			s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop"}, Profiles: []snapshot.Profile{
				leadsTo(v1alpha1.Peer{RemoteTier: &v1alpha1.RemoteTierPeer{Namespace: "pay", Profile: "pay", Tier: "api"}}),
			}}
			s.Facts.RemoteProfiles = []snapshot.Profile{snapshot.FromSegmentationProfile(remote)}
			out := Compile(s)[0]
			if found := len(peersOf(out.Policies[0].Spec, networkpolicy.Egress)) == 1; found != c.found || found == (len(out.Findings) > 0) {
				t.Errorf("found %t, findings %+v", found, out.Findings)
			}
		})
	}
}
