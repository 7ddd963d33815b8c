package controllers_test

import (
	"errors"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// At every committed write, each pod keeps what it may both before and after a change, and gets nothing that it may
// neither before nor after.
var _ = Describe("a change of what is declared", func() {
	web, db, other := map[string]string{"app": "web"}, map[string]string{"app": "db"}, map[string]string{"app": "other"}

	It("loses and opens nothing when two tiers swap their selectors", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		before := versions(ctx, ns)
		t := record(ctx, ns)

		swapped := strings.NewReplacer("app: web", "app: db", "app: db", "app: web").Replace(twoTiers)
		setSpec(ctx, p, swapped)
		expectReady(ctx, p)
		Eventually(func() []string { return tiersOf(ctx, ns) }).Should(Equal([]string{"shop.db", "shop.default-deny", "shop.web"}))
		Expect(policyOf(ctx, ns, "web").Spec.PodSelector.MatchLabels).To(Equal(db))

		Eventually(func() int { return len(t.writes()) }).Should(Equal(4), "two policies created and two deleted")
		t.expectNothingLostOrOpened([]string{ns}, web, db, other, map[string]string{})
		for name := range versions(ctx, ns) {
			if strings.Contains(name, "default-deny") {
				Expect(before).To(HaveKeyWithValue(name, versions(ctx, ns)[name]), "the default-deny is not touched")
			} else {
				Expect(before).NotTo(HaveKey(name), "a changed selector is a new policy")
			}
		}
	})

	It("loses nothing when a profile is deleted and created again at once", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		for range 5 {
			t := record(ctx, ns)
			former := p.UID
			Expect(k8s.Delete(ctx, p)).To(Succeed())
			p.ObjectMeta = metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace}
			Expect(k8s.Create(ctx, p)).To(Succeed())
			Expect(p.UID).NotTo(Equal(former))
			expectReady(ctx, p)
			Eventually(func(g Gomega) {
				all := policies(ctx, ns)
				g.Expect(all).To(HaveLen(3))
				for _, policy := range all {
					g.Expect(policy.OwnerReferences).To(HaveExactElements(HaveField("UID", p.UID)))
				}
			}).Should(Succeed())
			Eventually(func() int { return len(t.writes()) }).Should(BeNumerically(">=", 3))
			t.expectNothingLost(ns, web, db, other)
		}
	})

	It("cuts nobody off while the policy of one tier cannot be created", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		faults.set(func(verb string, policy *networkingv1.NetworkPolicy) error {
			if verb == "create" && policy.Namespace == ns && policy.Labels[v1alpha1.LabelTier] == "db" {
				return apierrors.NewInternalError(errors.New("the disk of etcd is full"))
			}
			return nil
		})
		t := record(ctx, ns)
		p := newProfile(ctx, ns, "shop", twoTiers)
		Eventually(func() string { return condition(ctx, p, "Ready") }).Should(Equal("False/ApplyFailed"))
		Expect(message(ctx, p, "Ready")).To(And(ContainSubstring("create NetworkPolicy "+ns+"/segp.shop.db-"), ContainSubstring("the disk of etcd is full")))
		Expect(condition(ctx, p, "Reconciling")).To(Equal("True/ApplyFailed"))
		Consistently(func() []string { return tiersOf(ctx, ns) }).Should(Equal([]string{"shop.web"}),
			"the default-deny waits: it would cut the database off")

		faults.clear()
		expectReady(ctx, p)
		Expect(tiersOf(ctx, ns)).To(Equal([]string{"shop.db", "shop.default-deny", "shop.web"}))
		Eventually(func() int { return len(t.writes()) }).Should(Equal(3))
		t.expectNothingLostOrOpened([]string{ns}, web, db, other)
	})

	It("takes a cluster profile away from a hundred namespaces without cutting off what stays allowed", func(ctx SpecContext) {
		label := map[string]string{"teardown": newName("label")}
		var namespaces []string
		for range 100 {
			namespaces = append(namespaces, newNamespace(ctx, label))
		}
		p := newClusterProfile(ctx, newName("platform"), fmt.Sprintf("namespaceSelector: {matchLabels: {teardown: %s}}%s", label["teardown"], twoTiers))
		expectReady(ctx, p)
		Expect(status(ctx, p).Namespaces).To(HaveValue(Equal(v1alpha1.NamespaceCounts{Selected: 100, Applied: 100})))
		t := record(ctx, namespaces...)

		Expect(k8s.Delete(ctx, p)).To(Succeed())
		Eventually(func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(p), p) }, "60s").Should(Satisfy(apierrors.IsNotFound))
		Eventually(func() int { return len(t.writes()) }).Should(Equal(300))
		for _, ns := range namespaces {
			Expect(policies(ctx, ns)).To(BeEmpty(), "the finalizer waits for the last policy")
		}
		t.expectNothingLostOrOpened(namespaces, web, db, other)
	})

	It("moves a flow between tiers that share pods without losing it", func(ctx SpecContext) {
		const spec = `
dns: None
tiers:
- {name: one, podSelector: {matchLabels: {app: web}}, ports: [{port: 80}]}
- {name: two, podSelector: {matchExpressions: [{key: app, operator: Exists}]}, ports: [{port: 80}]}
allow:
- {name: a, from: [{pods: {namespaces: [a]}}], to: [{tier: %s}]}
- {name: b, from: [{pods: {namespaces: [b]}}], to: [{tier: %s}]}
`
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", fmt.Sprintf(spec, "one", "two"))
		expectReady(ctx, p)
		t := record(ctx, ns)
		setSpec(ctx, p, fmt.Sprintf(spec, "two", "one"))
		expectReady(ctx, p)
		Eventually(func() int { return len(t.writes()) }).Should(Equal(4), "each is first widened, then narrowed")
		t.expectNothingLostOrOpened([]string{ns}, web, db, map[string]string{})
	})
})
