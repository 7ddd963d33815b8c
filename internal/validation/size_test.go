package validation

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// meshed returns a valid profile of tiers with large selectors, each of which may talk to each.
func meshed(tiers, entries, expressions int) snapshot.Profile {
	p := snapshot.Profile{Key: snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "mesh"}}
	p.Mode, p.Isolation, p.DNS, p.DeletionPolicy = v1alpha1.ModeEnforce, v1alpha1.IsolationNamespace, v1alpha1.DNSNone, v1alpha1.DeletionPolicyDelete
	var all []v1alpha1.Peer
	for i := range tiers {
		selector := &v1alpha1.LabelSelector{}
		for j := range expressions {
			e := v1alpha1.LabelSelectorRequirement{Key: fmt.Sprintf("key-%d", j), Operator: metav1.LabelSelectorOpIn}
			for k := range maxValues {
				e.Values = append(e.Values, v1alpha1.LabelValue(fmt.Sprintf("%s-%d-%d", strings.Repeat("x", 50), i, k)))
			}
			selector.MatchExpressions = append(selector.MatchExpressions, e)
		}
		p.Tiers = append(p.Tiers, v1alpha1.ClusterTier{Tier: v1alpha1.Tier{Name: fmt.Sprintf("tier-%d", i), PodSelector: selector}})
		all = append(all, v1alpha1.Peer{Tier: fmt.Sprintf("tier-%d", i)})
	}
	for i := range entries {
		p.Allow = append(p.Allow, v1alpha1.AllowEntry{
			Name: fmt.Sprintf("entry-%d", i), From: all, To: all,
			Ports: []v1alpha1.Port{{Port: intstr.FromInt(1000 + i), Protocol: "TCP"}},
		})
	}
	return p
}

func TestAProfileThatWouldBecomeTooLargeIsRefused(t *testing.T) {
	errs := Validate(meshed(maxPeers, 32, maxExpressions))
	if len(errs) != maxPeers+1 || !strings.Contains(errs[0].Error(), `spec.tiers[0].name: Invalid value: "tier-0": the policy of this tier would take about `) {
		t.Errorf("%d errors: %v", len(errs), errs)
	}
}

func TestALargeMeshOfOrdinarySelectorsIsAccepted(t *testing.T) {
	p := meshed(maxPeers, maxEntries/8, 0)
	for i := range p.Tiers {
		p.Tiers[i].PodSelector.MatchLabels = map[string]v1alpha1.LabelValue{"app.kubernetes.io/name": v1alpha1.LabelValue(p.Tiers[i].Name)}
	}
	if errs := Validate(p); len(errs) > 0 {
		t.Error(errs)
	}
}
