package outlook

import (
	"math/rand/v2"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/random"
)

func shop(mode v1alpha1.Mode) snapshot.Profile {
	obj := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}}
	obj.Spec.Mode = mode
	obj.Spec.Tiers = []v1alpha1.Tier{{Name: "web", PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": "web"}}}}
	return snapshot.FromSegmentationProfile(obj)
}

func foreign() *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "foreign", Namespace: "shop"}}
}

func clusterWith(profiles ...snapshot.Profile) *snapshot.Cluster {
	return &snapshot.Cluster{
		Namespaces: []snapshot.Namespace{{Name: "shop"}, {Name: "data"}},
		Profiles:   profiles, Policies: []*networkingv1.NetworkPolicy{foreign()},
		Pods: []snapshot.Pod{{Namespace: "shop", Labels: map[string]string{"app": "web"}}},
	}
}

func mustSettle(t *testing.T, c *snapshot.Cluster) *Outlook {
	t.Helper()
	o, err := Settled(c)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAsItIsAClusterHasThePoliciesItHas(t *testing.T) {
	o, err := AsIs(clusterWith(shop(v1alpha1.ModeEnforce)))
	if err != nil {
		t.Fatal(err)
	}
	ns := o.In("shop")
	if len(ns.Policies) != 1 || len(ns.Pods) != 1 || ns.Changes.Len() != 2 || len(ns.Outputs) != 1 {
		t.Errorf("got %d policies, %d pods, %d changes, %d outputs", len(ns.Policies), len(ns.Pods), ns.Changes.Len(), len(ns.Outputs))
	}
	if o.In("nowhere") != nil || o.Namespaces[0].Namespace.Name != "data" {
		t.Error("namespaces are not found by name, or not sorted")
	}
}

func TestSettledAClusterHasThePoliciesOfItsProfilesBesideTheOthers(t *testing.T) {
	ns := mustSettle(t, clusterWith(shop(v1alpha1.ModeEnforce))).In("shop")
	var names []string
	for _, p := range ns.Policies {
		names = append(names, p.Name)
	}
	if len(names) != 3 || names[0] != "foreign" {
		t.Errorf("got %v", names)
	}
}

func TestAPreviewChangesNothingUntilItIsEnforced(t *testing.T) {
	c := clusterWith(shop(v1alpha1.ModePreview))
	if ns := mustSettle(t, c).In("shop"); len(ns.Policies) != 1 {
		t.Errorf("got %d policies", len(ns.Policies))
	}
	if ns := mustSettle(t, Enforced(c)).In("shop"); len(ns.Policies) != 3 {
		t.Errorf("enforced: got %d policies", len(ns.Policies))
	}
	if c.Profiles[0].Mode != v1alpha1.ModePreview {
		t.Error("the cluster itself was changed")
	}
}

func TestAPreviewOfAnotherProfileIsEnforcedInItsPlace(t *testing.T) {
	preview := shop(v1alpha1.ModePreview)
	preview.Key.Name, preview.PreviewOf = "web-next", "web"
	ns := mustSettle(t, Enforced(clusterWith(shop(v1alpha1.ModeEnforce), preview))).In("shop")
	for _, p := range ns.Policies {
		if name := p.Labels[v1alpha1.LabelProfile]; name == "web" {
			t.Errorf("policy %s of the former profile is still there", p.Name)
		}
	}
	if len(ns.Policies) != 3 {
		t.Errorf("got %d policies", len(ns.Policies))
	}
}

func TestAPolicyThatCannotBeReadIsAnError(t *testing.T) {
	c := clusterWith()
	c.Policies[0].Spec.PodSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Sometimes"}}
	if _, err := AsIs(c); err == nil {
		t.Error("it was read")
	}
}

// What is settled needs no more changes: otherwise it would not be what the operator ends with.
func TestRandomClustersThatAreSettledNeedNoChanges(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range uint64(300) {
		c := random.New(seed, i).Cluster()
		first := mustSettle(t, &c)
		again := c
		again.Policies = first.World().Policies
		for _, ns := range mustSettle(t, &again).Namespaces {
			if n := ns.Changes.Len(); n > 0 {
				t.Fatalf("seed %d, case %d: %d more changes in %s", seed, i, n, ns.Namespace.Name)
			}
			for _, output := range ns.Outputs {
				if output.Disposition == compiler.Enforce && len(output.Policies) > len(ns.Policies) {
					t.Fatalf("seed %d, case %d: policies are missing in %s", seed, i, ns.Namespace.Name)
				}
			}
		}
	}
}
