package controllers_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

var _ = Describe("a profile", func() {
	It("becomes policies that it owns, and follows its spec", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		Expect(tiersOf(ctx, ns)).To(Equal([]string{"shop.db", "shop.default-deny", "shop.web"}))
		Expect(message(ctx, p, "Ready")).To(Equal("3 policies applied in namespace " + ns + "."))
		for _, policy := range policies(ctx, ns) {
			Expect(metav1.IsControlledBy(&policy, p)).To(BeTrue())
		}
		db := policyOf(ctx, ns, "db")
		Expect(db.Spec.Egress).To(BeEmpty())
		Expect(db.Spec.PolicyTypes).To(ConsistOf(networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress))

		By("removing a tier, which takes its policy along and leaves the others untouched")
		before := versions(ctx, ns)
		setSpec(ctx, p, "dns: None\ntiers:\n- {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}\n")
		expectReady(ctx, p)
		Eventually(func() []string { return tiersOf(ctx, ns) }).Should(Equal([]string{"shop.db", "shop.default-deny"}))
		deny := policyOf(ctx, ns, "default-deny")
		Expect(before).To(HaveKeyWithValue(deny.Name, deny.ResourceVersion))

		By("giving up isolation of the namespace, which takes the default-deny along")
		setSpec(ctx, p, "dns: None\nisolation: Tiers\ntiers:\n- {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}\n")
		expectReady(ctx, p)
		Eventually(func() []string { return tiersOf(ctx, ns) }).Should(Equal([]string{"shop.db"}))
	})

	It("is taken away in order: first the default-deny, then what allows", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		t := record(ctx, ns)
		Expect(k8s.Delete(ctx, p)).To(Succeed())
		Eventually(func() []string { return tiersOf(ctx, ns) }).Should(BeEmpty())
		Eventually(func() int { return len(t.writes()) }).Should(Equal(3))
		Expect(t.writes()[0].what).To(ContainSubstring("default-deny"))
		t.expectNothingLostOrOpened([]string{ns}, map[string]string{"app": "web"}, map[string]string{"app": "db"})
	})

	It("leaves its policies when it is deleted with the wish that they stay, and adopts them when it comes again", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		// What the garbage collector does for --cascade=orphan, which does not run here.
		Expect(k8s.Delete(ctx, p, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		Consistently(func() []string { return tiersOf(ctx, ns) }).Should(HaveLen(3))
		for _, policy := range policies(ctx, ns) {
			policy.OwnerReferences = nil
			Expect(k8s.Update(ctx, &policy)).To(Succeed())
		}
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(p), p)).To(Succeed())
		p.Finalizers = nil
		Expect(k8s.Update(ctx, p)).To(Succeed())
		Consistently(func() []string { return tiersOf(ctx, ns) }).Should(HaveLen(3))
		uids := map[types.UID]bool{}
		for _, policy := range policies(ctx, ns) {
			uids[policy.UID] = true
		}

		again := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, again)
		for _, policy := range policies(ctx, ns) {
			Expect(uids).To(HaveKey(policy.UID), "adopted, not made anew")
			Expect(metav1.IsControlledBy(&policy, again)).To(BeTrue())
		}
		Expect(status(ctx, again).Drift.Corrections).To(BeZero(), "adopting is no correction")
	})

	It("counts the pods of its tiers and says when they do not cover what they should", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", twoTiers)
		Eventually(func() string { return condition(ctx, p, "Covered") }).Should(Equal("False/TierSelectsNothing"))
		newPod(ctx, ns, "web-1", map[string]string{"app": "web"}, false)
		newPod(ctx, ns, "db-1", map[string]string{"app": "db"}, false)
		Eventually(func() string { return condition(ctx, p, "Covered") }).Should(Equal("True/Covered"))
		before := versions(ctx, ns)
		newPod(ctx, ns, "web-2", map[string]string{"app": "web"}, true)
		Eventually(func() string { return condition(ctx, p, "Covered") }).Should(Equal("False/HostNetworkPod"))
		Expect(versions(ctx, ns)).To(Equal(before), "a pod never causes a policy to be written")
		Expect(status(ctx, p).Tiers).To(ContainElement(v1alpha1.TierStatus{Name: "web", Pods: 1, Namespaces: 1}))
	})

	It("says that a policy is in force which somebody's finalizer keeps, and goes on as fast as ever", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		kept := policyOf(ctx, ns, "db")
		kept.Finalizers = []string{"example.com/keep"}
		Expect(k8s.Update(ctx, &kept)).To(Succeed())
		setSpec(ctx, p, "dns: None\ntiers: [{name: web, podSelector: {matchLabels: {app: web}}}]")
		Eventually(func() string { return condition(ctx, p, "Ready") }).Should(Equal("False/ApplyFailed"))
		Expect(message(ctx, p, "Ready")).To(And(ContainSubstring(kept.Name), ContainSubstring("example.com/keep")))

		hole := policyOf(ctx, ns, "web")
		hole.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		began := time.Now()
		Expect(k8s.Update(ctx, &hole)).To(Succeed())
		Eventually(func() int { return len(policyOf(ctx, ns, "web").Spec.Egress) }).Should(BeZero())
		Expect(time.Since(began)).To(BeNumerically("<", 1500*time.Millisecond), "nothing waits for the cache to show a deletion that it shows")

		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(&kept), &kept)).To(Succeed())
		kept.Finalizers = nil
		Expect(k8s.Update(ctx, &kept)).To(Succeed())
		expectReady(ctx, p)
	})

	It("is not applied in a protected namespace, and says so", func(ctx SpecContext) {
		p := newProfile(ctx, "kube-public", newName("p"), twoTiers)
		Eventually(func() string { return condition(ctx, p, "Accepted") }).Should(Equal("False/ProtectedNamespace"))
		Expect(condition(ctx, p, "Ready")).To(Equal("False/ProtectedNamespace"))
		Expect(condition(ctx, p, "Stalled")).To(Equal("True/ProtectedNamespace"))
		Expect(policies(ctx, "kube-public")).To(BeEmpty())
	})

	It("follows the cluster's DNS, and nobody else is looked at for it", func(ctx SpecContext) {
		withDNS, without := newNamespace(ctx, nil), newNamespace(ctx, nil)
		user := newProfile(ctx, withDNS, "shop", "tiers: [{name: web, podSelector: {matchLabels: {app: web}}}]")
		other := newProfile(ctx, without, "shop", twoTiers)
		expectReady(ctx, user)
		expectReady(ctx, other)
		Expect(condition(ctx, user, "ResolvedRefs")).To(Equal("True/Resolved"))
		before := versions(ctx, without)

		var dns corev1.Service
		Expect(k8s.Get(ctx, types.NamespacedName{Namespace: "kube-system", Name: "kube-dns"}, &dns)).To(Succeed())
		for _, selector := range []string{"coredns", "kube-dns"} {
			dns.Spec.Selector = map[string]string{"k8s-app": selector}
			Expect(k8s.Update(ctx, &dns)).To(Succeed())
			Eventually(func() string { return fmt.Sprint(policyOf(ctx, withDNS, "web").Spec.Egress) }).Should(ContainSubstring("k8s-app: " + selector))
		}
		expectReady(ctx, user)
		Expect(versions(ctx, without)).To(Equal(before))
		Expect(status(ctx, user).Drift.Corrections).To(BeZero(), "a cluster that changes is no drift")
	})
})

func newPod(ctx SpecContext, namespace, name string, labels map[string]string, hostNetwork bool) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels},
		Spec: corev1.PodSpec{
			HostNetwork: hostNetwork,
			Containers:  []corev1.Container{{Name: "c", Image: "none"}},
		},
	})).To(Succeed())
}
