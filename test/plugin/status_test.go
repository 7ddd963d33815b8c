package plugin_test

import (
	"context"
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/overview"
	"firebreak.dev/firebreak/test/harness"
)

// newDeny creates a profile that denies everything in a namespace.
func newDeny(ctx context.Context, namespace, name string) *v1alpha1.SegmentationProfile {
	GinkgoHelper()
	p := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.SegmentationProfileSpec{Tiers: []v1alpha1.Tier{}}}
	Expect(k8s.Create(ctx, p)).To(Succeed())
	return p
}

// newWell creates such a profile, and waits until the operator has found nothing wrong with it.
func newWell(ctx context.Context, namespace, name string) *v1alpha1.SegmentationProfile {
	GinkgoHelper()
	p := newDeny(ctx, namespace, name)
	Eventually(func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(p), p)).To(Succeed())
		for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionCovered, v1alpha1.ConditionIsolated} {
			g.Expect(meta.IsStatusConditionTrue(p.Status.Conditions, kind)).To(BeTrue(), kind)
		}
	}).Should(Succeed())
	return p
}

// opened lets everybody reach the pods of the one policy of a namespace.
func opened(ctx context.Context, namespace string) {
	GinkgoHelper()
	var list networkingv1.NetworkPolicyList
	Expect(k8s.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
	Expect(list.Items).To(HaveLen(1))
	before := list.Items[0].DeepCopy()
	list.Items[0].Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
	Expect(k8s.Patch(ctx, &list.Items[0], client.MergeFrom(before))).To(Succeed())
}

// withoutOperator stops the operator until the spec ends.
func withoutOperator() {
	GinkgoHelper()
	Expect(operator.Stop()).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		kubeconfig, err := plane.ServiceAccountKubeconfig(ctx, harness.ManagerNamespace, harness.ManagerServiceAccount)
		Expect(err).NotTo(HaveOccurred())
		operator, err = plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: kubeconfig})
		Expect(err).NotTo(HaveOccurred())
		Expect(operator.WaitReady(ctx, time.Minute)).To(Succeed())
	})
}

var _ = Describe("status", func() {
	It("says that profiles are well, and which policies they have", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		newWell(ctx, namespace, "web")
		got := firebreak(ctx, "status", "-n", namespace, "--exit-code")
		Expect(got.code).To(BeZero(), got.stdout+got.stderr)
		Expect(got.stderr).To(BeEmpty())
		Expect(got.stdout).To(MatchRegexp(`^PROFILE +MODE +READY +ACCEPTED +RESOLVED +ISOLATED +COVERED +POLICIES +DRIFT +FINDINGS +AGE\n` +
			`segp/web +Enforce +True +True +True +True +True +1 +0 +\S.* +\d+s\n\n1 profile in namespace ` + namespace + `: 1 well\.\n$`))

		By("in detail")
		for _, name := range []string{"web", "segp/web", "segmentationprofiles.firebreak.dev/web"} {
			got = firebreak(ctx, "status", name, "-n", namespace)
			Expect(got.code).To(BeZero(), got.stderr)
			Expect(got.stdout).To(HavePrefix("segp/web in namespace " + namespace + ": well\n"))
			Expect(got.stdout).To(ContainSubstring(namespace + "/segp.web.default-deny-44136fa3"))
			Expect(got.stdout).To(ContainSubstring("Now: every policy is as the profile wants it."))
		}

		By("for programs")
		got = firebreak(ctx, "status", "-A", "-o", "json")
		Expect(got.code).To(BeZero(), got.stderr)
		var seen overview.Overview
		Expect(json.Unmarshal([]byte(got.stdout), &seen)).To(Succeed())
		Expect(seen.Operator.State).To(Equal(overview.OperatorRunning))
		Expect(seen.Profiles).To(ContainElement(And(HaveField("Namespace", namespace), HaveField("Well", true), HaveField("Now.Known", true))))
	})

	It("says what is wrong, and gives that as its exit code when asked to", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile, _ := threeTier(namespace)
		Expect(k8s.Create(ctx, profile)).To(Succeed())
		waitReady(ctx, profile)
		var got answer
		Eventually(func() string {
			got = firebreak(ctx, "status", "-n", namespace)
			return got.stdout
		}).Should(ContainSubstring("Covered is False (TierSelectsNothing"))
		Expect(got.code).To(BeZero())
		Expect(got.stdout).To(ContainSubstring("1 profile in namespace " + namespace + ": 0 well, 1 not covered."))
		Expect(firebreak(ctx, "status", "-n", namespace, "--exit-code").code).To(Equal(1))
	})

	It("shows cluster profiles in the namespaces that they select, and in no others", func(ctx SpecContext) {
		inside, outside := newNamespace(ctx, map[string]string{"status": "inside"}), newNamespace(ctx, nil)
		p := &v1alpha1.ClusterSegmentationProfile{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "platform-"},
			Spec: v1alpha1.ClusterSegmentationProfileSpec{
				NamespaceSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"status": "inside"}}, Tiers: []v1alpha1.ClusterTier{},
			},
		}
		Expect(k8s.Create(ctx, p)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, p)).To(Succeed()) })
		Eventually(func() string { return firebreak(ctx, "status", "-n", inside).stdout }).Should(And(
			MatchRegexp(`csegp/`+p.Name+` +Enforce +True`), ContainSubstring("1 profile in namespace "+inside+", 1 cluster profile that acts there: 1 well.")))
		got := firebreak(ctx, "status", "-n", outside)
		Expect(got).To(Equal(answer{stderr: "No profiles found in namespace " + outside + ".\n"}))
	})

	It("tells names that are not there from those that are", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		newWell(ctx, namespace, "web")
		got := firebreak(ctx, "status", "web", "segp/none", "-n", namespace)
		Expect(got.code).To(Equal(2))
		Expect(got.stdout).To(HavePrefix("segp/web in namespace"))
		Expect(got.stderr).To(Equal("error: segp/none not found in namespace " + namespace + "\n"))
		Expect(firebreak(ctx, "status", "pod/web").stderr).To(ContainSubstring("pod is no kind of profile"))
	})

	It("sees without an operator that policies were changed, that there is none, and whom it never looked at", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		newWell(ctx, namespace, "web")
		withoutOperator()
		opened(ctx, namespace)
		newDeny(ctx, namespace, "late")
		got := firebreak(ctx, "status", "-n", namespace)
		Expect(got.code).To(BeZero(), got.stderr)
		Expect(got.stdout).To(MatchRegexp(`segp/web +Enforce +True .* 0, 1 now `), "the status still says what it said")
		Expect(got.stdout).To(ContainSubstring("1 policy differs from what the profile wants: " + namespace + "/segp.web.default-deny-44136fa3 was changed: 1 ingress rule added."))
		Expect(got.stdout).To(MatchRegexp(`segp/late +Enforce +Unknown`))
		Expect(got.stdout).To(ContainSubstring("segp/late in namespace " + namespace + " is not yet looked at."))
		Expect(got.stdout).To(ContainSubstring("No operator seems to be running: the last one gave back its lease in namespace firebreak-system"))
		Expect(firebreak(ctx, "status", "-n", namespace, "--exit-code").code).To(Equal(1))
	})

	It("shows one namespace to who may view it alone, and says what could not be seen", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile, _ := threeTier(namespace)
		Expect(k8s.Create(ctx, profile)).To(Succeed())
		waitReady(ctx, profile)
		newWell(ctx, namespace, "web")
		viewer := viewerOf(ctx, namespace, "view")
		var got answer
		Eventually(func() int {
			got = firebreakAs(ctx, viewer, "", "status", "-n", namespace)
			return got.code
		}).Should(BeZero(), "the role view is aggregated in the background")
		Expect(got.stdout).To(MatchRegexp(`segp/shop +Enforce +True`))
		Expect(got.stdout).To(ContainSubstring("2 profiles in namespace " + namespace))
		Expect(got.stderr).To(Equal("Note: Cluster profiles are not shown: you may not list clustersegmentationprofiles.\n" +
			"Note: Whether the policies of segp/shop are as they should be at this moment is not known: you may not list nodes.\n"))

		By("but not all namespaces")
		got = firebreakAs(ctx, viewer, "", "status", "-A")
		Expect(got.code).To(Equal(2))
		Expect(got.stderr).To(ContainSubstring("Look at one namespace with -n, or ask for the right to list segmentationprofiles"))
	})

	It("says how to install Firebreak where there is none", func(ctx SpecContext) {
		bare, err := harness.Start(ctx, harness.Options{WithoutCRDs: true})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(bare.Stop)
		kubeconfig := GinkgoT().TempDir() + "/kubeconfig"
		Expect(bare.AdminKubeconfig(kubeconfig)).To(Succeed())
		got := firebreakAs(ctx, kubeconfig, "", "status", "-A")
		Expect(got.code).To(Equal(2))
		Expect(got.stdout).To(BeEmpty())
		Expect(got.stderr).To(ContainSubstring("its CRDs are not installed"))
	})
})
