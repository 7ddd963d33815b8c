package integration_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/harness"
)

var _ = Describe("The operator", func() {
	It("starts again without a single write when everything is right", func(ctx SpecContext) {
		namespaces, profiles := everyKindOfProfile(ctx)
		before := versions(ctx, namespaces, profiles)
		stopOperator()
		Expect(holder(ctx)).To(BeEmpty(), "the lease is given back")
		asked := len(requests())

		resumeOperator(ctx)
		expectExamined(ctx)
		Expect(holder(ctx)).NotTo(BeEmpty())
		Consistently(func() map[string]string { return versions(ctx, namespaces, profiles) }, "2s").Should(Equal(before))
		for _, r := range requests()[asked:] {
			if r.Object.Resource == "leases" || r.Object.Namespace == harness.ManagerNamespace {
				continue
			}
			ours := slices.Contains(namespaces, r.Object.Namespace) || slices.ContainsFunc(profiles, func(p client.Object) bool { return p.GetName() == r.Object.Name })
			Expect(ours && slices.Contains([]string{"create", "update", "patch", "delete"}, r.Verb)).To(BeFalse(), "%s", r)
		}
	})

	It("corrects what was changed while it was down, and counts it", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, profile)
		before := policies(ctx, namespace)
		stopOperator()
		patchObject(ctx, policyOf(ctx, namespace, "default-deny"), map[string]any{"spec": map[string]any{"egress": []any{map[string]any{}}}})
		remove(ctx, policyOf(ctx, namespace, "web"))

		resumeOperator(ctx)
		Eventually(func(g Gomega) {
			after := policies(ctx, namespace)
			g.Expect(after).To(HaveLen(len(before)))
			for name, p := range after {
				g.Expect(p.Spec).To(Equal(before[name].Spec), name)
			}
		}, correctedWithin).Should(Succeed())
		expectReady(ctx, profile)
		// Of the deletion nobody is left who could know that the policy had been there.
		Eventually(func() int64 { return corrections(ctx, profile) }).Should(BeEquivalentTo(1))
	})

	It("applies what was declared, and removes what was withdrawn, while it was down", func(ctx SpecContext) {
		changed, withdrawn := newNamespace(ctx, nil), newNamespace(ctx, nil)
		profile := newProfile(ctx, changed, "shop", twoTiers)
		gone := newProfile(ctx, withdrawn, "shop", twoTiers)
		expectReady(ctx, profile)
		expectReady(ctx, gone)
		stopOperator()
		patchSpec(ctx, profile, "tiers: [{name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}]\nallow: []")
		remove(ctx, gone)
		Eventually(func() []string { return tiers(ctx, withdrawn) }).Should(BeEmpty(), "garbage collection needs no operator")

		resumeOperator(ctx)
		Eventually(func() []string { return tiers(ctx, changed) }).Should(ConsistOf("web", "default-deny"))
		expectReady(ctx, profile)
	})

	It("hands over to a replica that stands by within five seconds", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, profile)
		standby, err := plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: operatorKubeconfig})
		Expect(err).NotTo(HaveOccurred())
		Expect(standby.WaitReady(ctx, time.Minute)).To(Succeed())
		leader := holder(ctx)
		expectToKnowProfiles(ctx, operator, true)
		expectToKnowProfiles(ctx, standby, false)
		stopOperator()
		operator = standby
		patchObject(ctx, policyOf(ctx, namespace, "default-deny"), map[string]any{"spec": map[string]any{"egress": []any{map[string]any{}}}})
		Eventually(func() int { return len(policyOf(ctx, namespace, "default-deny").Spec.Egress) }, "5s").Should(BeZero())
		Expect(holder(ctx)).NotTo(Or(BeEmpty(), Equal(leader)))
		expectToKnowProfiles(ctx, operator, true)
	})
})

// expectToKnowProfiles says whether the metrics of a replica speak of profiles.
func expectToKnowProfiles(ctx context.Context, replica *harness.Manager, knows bool) {
	GinkgoHelper()
	code, body, err := replica.Metrics(ctx, scraper)
	Expect(err).NotTo(HaveOccurred())
	Expect(code).To(Equal(http.StatusOK))
	Expect(strings.Contains(body, "\nfirebreak_profiles{")).To(Equal(knows))
	Expect(body).To(ContainSubstring("\nfirebreak_build_info{"))
}

// everyKindOfProfile makes profiles in every state that lasts, and waits until they are in it and stay so.
func everyKindOfProfile(ctx context.Context) (namespaces []string, profiles []client.Object) {
	GinkgoHelper()
	key := newName("segment")
	one, two := newNamespace(ctx, map[string]string{key: "yes"}), newNamespace(ctx, map[string]string{key: "yes"})
	enforced := newProfile(ctx, one, "shop", twoTiers)
	preview := newProfile(ctx, one, "next", "mode: Preview\npreviewOf: shop\ntiers: []")
	retained := newProfile(ctx, two, "kept", "deletionPolicy: Retain\n"+twoTiers)
	refused := newProfile(ctx, "kube-public", newName("later"), "tiers: []")
	everywhere := newClusterProfile(ctx, selecting(key))
	for _, p := range []client.Object{enforced, preview, retained, everywhere} {
		expectReady(ctx, p)
	}
	expectStalled(ctx, refused, "ProtectedNamespace")
	// One with a history.
	remove(ctx, policyOf(ctx, one, "web"))
	Eventually(func() int64 { return corrections(ctx, enforced) }).Should(BeEquivalentTo(1))

	namespaces, profiles = []string{one, two}, []client.Object{enforced, preview, retained, refused, everywhere}
	conflicted, theirs := profilesInConflict(ctx)
	namespaces, profiles = append(namespaces, theirs...), append(profiles, conflicted...)
	expectRest(ctx, namespaces, profiles)
	return namespaces, profiles
}

// profilesInConflict makes a profile of each kind that needs the name of a policy that is somebody else's: the one in its only
// namespace, the other in one of two.
func profilesInConflict(ctx context.Context) (profiles []client.Object, namespaces []string) {
	GinkgoHelper()
	key := newName("segment")
	alone, free, taken := newNamespace(ctx, nil), newNamespace(ctx, map[string]string{key: "yes"}), newNamespace(ctx, nil)
	newForeignPolicy(ctx, alone, nameOfPolicy(ctx, "web"))
	one := newProfile(ctx, alone, "shop", twoTiers)
	both := newClusterProfile(ctx, selecting(key))
	expectReady(ctx, both)
	newForeignPolicy(ctx, taken, policyOf(ctx, free, "all").Name)
	relabel(ctx, taken, map[string]any{key: "yes"})
	profiles = []client.Object{one, both}
	for _, p := range profiles {
		expectStalled(ctx, p, "NameConflict")
	}
	return profiles, []string{alone, free, taken}
}

// expectRest waits until nothing is written for longer than the operator keeps a status back.
func expectRest(ctx context.Context, namespaces []string, profiles []client.Object) {
	GinkgoHelper()
	last, since := versions(ctx, namespaces, profiles), time.Now()
	Eventually(func() time.Duration {
		if now := versions(ctx, namespaces, profiles); !maps.Equal(last, now) {
			last, since = now, time.Now()
		}
		return time.Since(since)
	}).Should(BeNumerically(">", 2*time.Second))
}

// versions returns the resourceVersions of the policies of namespaces and of profiles.
func versions(ctx context.Context, namespaces []string, profiles []client.Object) map[string]string {
	GinkgoHelper()
	out := map[string]string{}
	for _, namespace := range namespaces {
		for name, p := range policies(ctx, namespace) {
			out[namespace+"/"+name] = p.ResourceVersion
		}
	}
	for _, p := range profiles {
		Expect(get(ctx, p)).To(Succeed())
		out[client.ObjectKeyFromObject(p).String()] = p.GetResourceVersion()
	}
	return out
}

// stopOperator stops the operator by SIGTERM, and starts one again when the spec ends, whatever became of it.
func stopOperator() {
	GinkgoHelper()
	Expect(operator.Stop()).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { resumeOperator(ctx) })
}

// resumeOperator starts the operator if it is not running.
func resumeOperator(ctx context.Context) {
	GinkgoHelper()
	select {
	case <-operator.Exited():
		_, operator = startOperator(ctx, plane)
	default:
	}
}

// runOperatorWith replaces the operator by one with these flags until the spec ends.
func runOperatorWith(ctx context.Context, args ...string) {
	GinkgoHelper()
	stopOperator()
	_, operator = startOperator(ctx, plane, args...)
	DeferCleanup(func() { Expect(operator.Stop()).To(Succeed()) })
}

// holder returns who holds the lease; empty when nobody does.
func holder(ctx context.Context) string {
	GinkgoHelper()
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: harness.ManagerNamespace, Name: "controller-manager.firebreak.dev"}}
	Expect(get(ctx, lease)).To(Succeed())
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// expectExamined waits until the operator has looked at every namespace and every profile, and has nothing left to do.
func expectExamined(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		// Counted anew each time: a namespace of an earlier spec may still be on its way out.
		var namespaces corev1.NamespaceList
		var segp v1alpha1.SegmentationProfileList
		var csegp v1alpha1.ClusterSegmentationProfileList
		g.Expect(k8s.List(ctx, &namespaces)).To(Succeed())
		g.Expect(k8s.List(ctx, &segp)).To(Succeed())
		g.Expect(k8s.List(ctx, &csegp)).To(Succeed())
		for controller, objects := range map[string]int{
			"namespace":                         len(namespaces.Items),
			"segmentationprofile-status":        len(segp.Items),
			"clustersegmentationprofile-status": len(csegp.Items),
		} {
			g.Expect(metric(ctx, g, "controller_runtime_reconcile_total", controller)).To(BeNumerically(">=", objects), controller)
			g.Expect(metric(ctx, g, "controller_runtime_active_workers", controller)).To(BeZero(), controller)
			g.Expect(metric(ctx, g, "workqueue_depth", controller)).To(BeZero(), controller)
		}
	}).Should(Succeed())
}

// metric sums up the operator's metrics of a name for one controller.
func metric(ctx context.Context, g Gomega, name, controller string) float64 {
	GinkgoHelper()
	sum, seen := 0.0, false
	for series, value := range scrape(ctx, g) {
		if strings.HasPrefix(series, name+"{") && strings.Contains(series, `controller="`+controller+`"`) {
			sum, seen = sum+value, true
		}
	}
	g.Expect(seen).To(BeTrue(), "metric %s of controller %s", name, controller)
	return sum
}
