package faults_test

import (
	"context"
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
)

// Two specs of a profile. From the first to the second, a tier goes and the selector of another one changes.
const (
	withCache = `
dns: None
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}
- {name: cache, podSelector: {matchLabels: {app: cache}}, ports: [{port: 6379}]}
allow: [{name: web-cache, from: [{tier: web}], to: [{tier: cache}]}]`
	withoutCache = `
dns: None
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8081}]}
allow: [{name: users, from: [{pods: {namespaces: [ingress]}}], to: [{tier: web}]}]`
)

// exchanged returns what stands in a policy's place after somebody took it away and made another one of the same name.
func exchanged(ctx context.Context, namespace, name string) string {
	GinkgoHelper()
	theirs := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"team": "other"}},
		Spec:       networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "theirs"}}},
	}
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, theirs.DeepCopy()))).To(Succeed())
	Expect(k8s.Create(ctx, theirs)).To(Succeed())
	return bytesOfPolicy(ctx, namespace, name)
}

// bytesOfPolicy returns a policy as the API server has it, "" when there is none.
func bytesOfPolicy(ctx context.Context, namespace, name string) string {
	GinkgoHelper()
	policy, err := admin.NetworkingV1().NetworkPolicies(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return ""
	}
	Expect(err).NotTo(HaveOccurred())
	text, err := json.Marshal(policy)
	Expect(err).NotTo(HaveOccurred())
	return string(text)
}

var _ = Describe("A policy that somebody replaces by another one just before the operator's write to it arrives", Ordered, ContinueOnFailure, func() {
	var operator *mortal
	BeforeAll(func(ctx SpecContext) { operator = startMortal(ctx) })

	setSpec := func(p *v1alpha1.SegmentationProfile, spec string) {
		GinkgoHelper()
		p.Spec = v1alpha1.SegmentationProfileSpec{}
		Expect(yaml.UnmarshalStrict([]byte(spec), &p.Spec)).To(Succeed())
	}
	newProfile := func(ctx context.Context) *v1alpha1.SegmentationProfile {
		GinkgoHelper()
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "exchanged-"}}
		Expect(k8s.Create(ctx, ns)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(k8s.Delete(ctx, ns)).To(Succeed()) })
		p := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "shop"}}
		setSpec(p, withCache)
		Expect(k8s.Create(ctx, p)).To(Succeed())
		Eventually(func() string { return readiness(ctx, p) }).Should(HavePrefix("True/"))
		return p
	}

	DescribeTable("stays as it is, to the last byte", func(ctx SpecContext, verb, tier, reason string) {
		p := newProfile(ctx)
		namespace, name := p.Namespace, policyOfTier(ctx, p.Namespace, tier)
		theirs := make(chan string, 1)
		before.SetRules(&proxy.Rule{
			Name: "exchange", Requests: proxy.Requests{Verbs: []string{verb}, Resources: []string{"networkpolicies"}, Namespaces: []string{namespace}, Names: []string{name}},
			When: proxy.Nth(1), Fault: proxy.Before(func(proxy.Act) {
				defer GinkgoRecover()
				theirs <- exchanged(ctx, namespace, name)
			}),
		})
		setSpec(p, withoutCache)
		Expect(k8s.Update(ctx, p)).To(Succeed())
		began := time.Now()
		Eventually(func() string { return readiness(ctx, p) }).Should(Equal(reason), lastActs)
		Expect(before.Counts()).To(HaveKeyWithValue("exchange", BeNumerically(">=", 1)), lastActs)
		recovered := time.Since(began)
		var is string
		Expect(theirs).To(Receive(&is))
		Consistently(func() string { return bytesOfPolicy(ctx, namespace, name) }).Should(Equal(is), lastActs)
		Expect(operator.ailing()).To(Succeed())
		AddReportEntry(account.EntryName, account.Account{Test: "a policy exchanged under the operator's hands", Faults: 1, Recoveries: []time.Duration{recovered}})
	},
		Entry("when the write deletes it", "delete", "cache", "True/Applied"),
		Entry("when the write changes it", "update", "web", "False/NameConflict"),
	)

	It("is deleted only as it was judged: one that somebody has changed is looked at again", func(ctx SpecContext) {
		p := newProfile(ctx)
		namespace, name := p.Namespace, policyOfTier(ctx, p.Namespace, "cache")
		before.SetRules(&proxy.Rule{
			Name: "touched", Requests: proxy.Requests{Verbs: []string{"delete"}, Resources: []string{"networkpolicies"}, Namespaces: []string{namespace}, Names: []string{name}},
			When: proxy.Nth(1), Fault: proxy.Before(func(proxy.Act) {
				defer GinkgoRecover()
				// No profile's any more: without labels, annotations and owner.
				var policy networkingv1.NetworkPolicy
				Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &policy)).To(Succeed())
				policy.Labels, policy.Annotations, policy.OwnerReferences = nil, nil, nil
				Expect(k8s.Update(ctx, &policy)).To(Succeed())
			}),
		})
		setSpec(p, withoutCache)
		Expect(k8s.Update(ctx, p)).To(Succeed())
		Eventually(func() string { return readiness(ctx, p) }).Should(HavePrefix("True/"), lastActs)
		Expect(before.Counts()).To(HaveKeyWithValue("touched", BeNumerically(">=", 1)), lastActs)
		Consistently(func() string { return bytesOfPolicy(ctx, namespace, name) }).ShouldNot(BeEmpty(), lastActs)
	})
})

// policyOfTier returns the name of a tier's policy.
func policyOfTier(ctx context.Context, namespace, tier string) string {
	GinkgoHelper()
	var list networkingv1.NetworkPolicyList
	Expect(k8s.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelTier: tier})).To(Succeed())
	Expect(list.Items).To(HaveLen(1), tier)
	return list.Items[0].Name
}
