package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
	"firebreak.dev/firebreak/test/random"
)

var _ = Describe("A tenant that means harm", func() {
	It("never makes the operator write outside its namespace, whatever its profiles say", func(ctx SpecContext) {
		attacks := 12
		if soaking() {
			attacks = 200
		}
		t := newTenant(ctx)
		for number := range attacks {
			t.attack(ctx, number)
		}
		t.expectHarmless(ctx)
		AddReportEntry(account.EntryName, account.Account{
			Test: "tenant escape", Faults: attacks, Writes: t.writes, Note: "each fault is a profile that is created, changed and deleted; 0 writes outside its namespace",
		})
	})
})

var _ = Describe("A SegmentationProfile that somebody has given our finalizer", func() {
	It("loses its policies when it is deleted, and is left to whoever gave it that", func(ctx SpecContext) {
		startMortal(ctx)
		d := trackedProfile(v1alpha1.KindSegmentationProfile, newLifeNamespace(ctx, "borrowed-finalizer", nil))
		d.DeletionPolicy = v1alpha1.DeletionPolicyDelete
		d.live = d.object()
		d.live.SetFinalizers([]string{v1alpha1.Finalizer})
		Expect(k8s.Create(ctx, d.live)).To(Succeed())
		d.there = true
		d.expectSettled(ctx)
		asked := &proxy.Rule{
			Name: "profile itself", Fault: proxy.Note(),
			Requests: proxy.Requests{Verbs: proxy.Writes(), Resources: []string{"segmentationprofiles"}, Subresources: []string{""}},
		}
		before.SetRules(asked)
		d.remove(ctx)
		Eventually(func() map[string]string { return wholePolicies(ctx, d.Key.Namespace) }).Should(BeEmpty())
		Consistently(before.Counts, "2s").ShouldNot(HaveKey(asked.Name), lastActs)
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(d.live), d.live)).To(Succeed())
		Expect(d.live.GetFinalizers()).To(Equal([]string{v1alpha1.Finalizer}))
		d.live.SetFinalizers(nil)
		Expect(k8s.Update(ctx, d.live)).To(Succeed())
	})
})

// tenantRule is the name of the rule that notes every write, also those that the API server refuses.
const tenantRule = "tenant: write"

// tenant is a namespace whose owner means harm to another one, the victim.
type tenant struct {
	namespace, victim *corev1.Namespace
	// owner is an object of the tenant.
	owner *corev1.ConfigMap
	// policy is one of the victim, which looks like ours, and profile one whose policies the tenant wants to have.
	policy  *networkingv1.NetworkPolicy
	profile *declared
	// before are the policies of the victim.
	before map[string]string
	// bystanders are the namespaces in which other specs have left profiles, of which the operator may have something to say.
	bystanders map[string]bool
	// acts is how many writes had been noted.
	acts   int
	writes int
}

func newTenant(ctx context.Context) *tenant {
	GinkgoHelper()
	t := &tenant{bystanders: map[string]bool{}}
	var left v1alpha1.SegmentationProfileList
	Expect(k8s.List(ctx, &left)).To(Succeed())
	for _, p := range left.Items {
		t.bystanders[p.Namespace] = true
	}
	for name, ns := range map[string]**corev1.Namespace{"victim": &t.victim, "tenant": &t.namespace} {
		*ns = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": "a"}}}
		Expect(k8s.Create(ctx, *ns)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, *ns)).To(Succeed()) })
	}
	t.owner = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace.Name, Name: "owner"}}
	Expect(k8s.Create(ctx, t.owner)).To(Succeed())
	startMortal(ctx)
	t.policy = &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: t.victim.Name, Name: "segp.p0.t0-44136fa3", Labels: map[string]string{
		v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelProfileKind: string(v1alpha1.KindSegmentationProfile), v1alpha1.LabelProfile: "p0", v1alpha1.LabelTier: "t0",
	}}}
	Expect(k8s.Create(ctx, t.policy)).To(Succeed())
	t.profile = trackedProfile(v1alpha1.KindSegmentationProfile, t.victim.Name)
	t.profile.declare(ctx, t.profile.Profile)
	t.profile.expectSettled(ctx)
	// What is said of the victim's own profile is said before.
	Eventually(func(g Gomega) {
		var events eventsv1.EventList
		g.Expect(k8s.List(ctx, &events, client.InNamespace(t.victim.Name))).To(Succeed())
		g.Expect(events.Items).NotTo(BeEmpty())
	}).Should(Succeed())
	t.before = wholePolicies(ctx, t.victim.Name)
	t.acts = len(before.Acts())
	before.SetRules(&proxy.Rule{Name: tenantRule, Requests: proxy.Requests{Verbs: proxy.Writes()}, Fault: proxy.Note()})
	return t
}

// wholePolicies returns the policies of a namespace with all that is stored of them.
func wholePolicies(ctx context.Context, namespace string) map[string]string {
	GinkgoHelper()
	var list networkingv1.NetworkPolicyList
	Expect(k8s.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
	out := map[string]string{}
	for _, p := range list.Items {
		text, err := json.Marshal(p)
		Expect(err).NotTo(HaveOccurred())
		out[p.Name] = string(text)
	}
	return out
}

// attack creates, changes and deletes one profile.
func (t *tenant) attack(ctx context.Context, number int) {
	GinkgoHelper()
	drawer := random.New(uint64(GinkgoRandomSeed()), uint64(1000+number))
	d := &declared{Profile: t.drawHostile(drawer), seen: k8s}
	d.live = d.object()
	t.disguise(drawer, d.live)
	d.there = true
	Expect(k8s.Create(ctx, d.live)).To(Succeed(), d.text())
	t.expectAnswered(ctx, d)
	next := drawer.Altered(d.Profile)
	d.declare(ctx, next)
	t.expectAnswered(ctx, d)
	t.expectHarmless(ctx)
	d.remove(ctx)
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	Expect(client.IgnoreNotFound(k8s.Patch(ctx, d.live, patch))).To(Succeed())
	Eventually(func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(d.live), d.empty()) }).Should(Satisfy(apierrors.IsNotFound))
	Eventually(func(g Gomega) {
		var list networkingv1.NetworkPolicyList
		g.Expect(k8s.List(ctx, &list, client.InNamespace(t.namespace.Name))).To(Succeed())
		for _, p := range list.Items {
			g.Expect(p.OwnerReferences).To(BeEmpty(), "%s is left", p.Name)
		}
	}).Should(Succeed(), d.text()+again())
	Expect(k8s.DeleteAllOf(ctx, &networkingv1.NetworkPolicy{}, client.InNamespace(t.namespace.Name))).To(Succeed())
	t.expectHarmless(ctx)
}

// drawHostile draws a profile that speaks of other namespaces wherever it can, and is called like what belongs to others.
func (t *tenant) drawHostile(d random.Drawer) snapshot.Profile {
	p := drawProfile(d, v1alpha1.KindSegmentationProfile)
	long := strings.Repeat("x", 63)
	p.Key = snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: t.namespace.Name, Name: random.OneOf(d,
		"p0", "tracked", "victim", "kube-system", "default-deny", "p0.t0-44136fa3", "csegp.tracked", "segp.p0", "a.b.c", long, long[:61]+".y",
	)}
	if d.IntN(2) == 0 {
		// Nothing refers to it yet, but what is added below.
		hostile := p.Tiers[0]
		hostile.Name = random.OneOf(d, long, "t0-44136fa3", "default-deny-44136fa3", "default", "kube-system", "segp")
		p.Tiers = slices.Insert(p.Tiers, 0, hostile)
	}
	tier := []v1alpha1.Peer{{Tier: p.Tiers[0].Name}}
	ports := []v1alpha1.Port{{Port: intstr.FromInt32(443), Protocol: corev1.ProtocolTCP}}
	victim := t.victim.Name
	for i, peer := range []v1alpha1.Peer{
		{Pods: &v1alpha1.PodsPeer{NamespaceSelector: &v1alpha1.LabelSelector{}, PodSelector: &v1alpha1.LabelSelector{}}},
		{Pods: &v1alpha1.PodsPeer{Namespaces: []string{"firebreak-system", "kube-system", victim}}},
		{RemoteTier: &v1alpha1.RemoteTierPeer{Namespace: victim, Profile: t.profile.Key.Name, Tier: t.profile.Tiers[0].Name}},
		{Service: &v1alpha1.ServicePeer{Namespace: random.OneOf(d, victim, "default", "kube-system"), Name: "kubernetes"}},
	} {
		if d.IntN(2) == 0 {
			p.Allow = append(p.Allow, v1alpha1.AllowEntry{Name: fmt.Sprint("escape-", i), From: tier, To: []v1alpha1.Peer{peer}, Ports: ports})
		}
	}
	return p
}

// disguise gives a profile metadata that means something to us, to the garbage collector or to other tools.
func (t *tenant) disguise(d random.Drawer, obj client.Object) {
	labels, annotations := trackingMetadata()
	maps.Copy(labels, t.policy.Labels)
	annotations[v1alpha1.AnnotationProfileUID] = string(t.profile.live.GetUID())
	annotations[v1alpha1.AnnotationRetainedFor] = "SegmentationProfile/" + t.profile.Key.Name
	annotations[v1alpha1.AnnotationSpecHash], annotations[v1alpha1.AnnotationProfileGeneration] = "0", "99"
	obj.SetLabels(labels)
	obj.SetAnnotations(annotations)
	obj.SetFinalizers(random.OneOf(d, nil, []string{v1alpha1.Finalizer}, []string{"example.com/hold", v1alpha1.Finalizer}, []string{metav1.FinalizerOrphanDependents}))
	owners := []metav1.OwnerReference{
		{APIVersion: "v1", Kind: "Namespace", Name: t.victim.Name, UID: t.victim.UID, Controller: new(true)},
		{APIVersion: "v1", Kind: "ConfigMap", Name: t.owner.Name, UID: t.owner.UID, BlockOwnerDeletion: new(true)},
	}
	obj.SetOwnerReferences(owners[:d.IntN(len(owners)+1)])
}

// expectAnswered waits until the status says what became of a profile, good or bad.
func (t *tenant) expectAnswered(ctx context.Context, d *declared) {
	GinkgoHelper()
	text := d.text() + again()
	Eventually(func() (string, error) {
		obj := d.empty()
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(d.live), obj); err != nil {
			return "", err
		}
		if c := readyOf(obj); c == nil || c.Reason == v1alpha1.ReasonPending || c.Reason == v1alpha1.ReasonProgressing {
			return fmt.Sprintf("%+v", c), nil
		}
		return "", nil
	}, 2*recoveredWithin).Should(BeEmpty(), text)
}

// expectHarmless looks at every write that was asked for since the last look, and at what the victim has.
func (t *tenant) expectHarmless(ctx context.Context) {
	GinkgoHelper()
	acts := before.Acts()
	for _, act := range acts[t.acts:] {
		t.writes++
		Expect(t.isHarmless(act)).To(BeTrue(), "%s%s", act, again())
	}
	t.acts = len(acts)
	Expect(wholePolicies(ctx, t.victim.Name)).To(Equal(t.before), again())
	expectOwnMetadataOnly(ctx, t.namespace.Name)
}

// isHarmless says whether a profile of the tenant may cause a write. What other profiles see of it may change their own status.
func (t *tenant) isHarmless(act proxy.Act) bool {
	switch act.Resource {
	case "networkpolicies", "segmentationprofiles":
		return act.Namespace == t.namespace.Name
	case "events":
		return act.Namespace == t.namespace.Name || t.bystanders[act.Namespace]
	case "segmentationprofiles/status":
		return act.Namespace == t.namespace.Name || t.bystanders[act.Namespace] || act.Namespace == t.victim.Name && act.Name == t.profile.Key.Name
	}
	return false
}
