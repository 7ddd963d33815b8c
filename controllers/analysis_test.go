package controllers_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

const (
	apiAndDatabase = `
dns: None
tiers:
- {name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 8080}]}
- {name: database, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}
allow:
- {name: api-uses-database, from: [{tier: api}], to: [{tier: database}]}
`
	allowAll = "{podSelector: {}, ingress: [{}], egress: [{}]}"
)

// newPolicy creates a NetworkPolicy as somebody else would.
func newPolicy(ctx context.Context, namespace, name, spec string) *networkingv1.NetworkPolicy {
	GinkgoHelper()
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	Expect(yaml.UnmarshalStrict([]byte(spec), &p.Spec)).To(Succeed())
	Expect(k8s.Create(ctx, p)).To(Succeed())
	return p
}

// findingsOf returns the messages of the findings with this code.
func findingsOf(ctx context.Context, obj client.Object, code v1alpha1.FindingCode) func() []string {
	return func() []string {
		GinkgoHelper()
		out := []string{}
		for _, f := range status(ctx, obj).Findings {
			if f.Code == code {
				out = append(out, f.Message)
			}
		}
		return out
	}
}

// cuts returns "from -> to ports" of what a preview would cut within its namespace.
func cuts(ctx context.Context, obj client.Object) func() []string {
	return func() []string {
		GinkgoHelper()
		preview := status(ctx, obj).Preview
		if preview == nil || preview.Connections == nil {
			return nil
		}
		out := []string{}
		for _, c := range preview.Connections.Cuts {
			if !strings.ContainsAny(c.From+c.To, "/,") && !strings.Contains(c.From+c.To, "internet") && !strings.Contains(c.From+c.To, "addresses") {
				out = append(out, fmt.Sprintf("%s -> %s %s", c.From, c.To, c.Ports))
			}
		}
		return out
	}
}

func isolated(ctx context.Context, obj client.Object) func() string {
	return func() string { return condition(ctx, obj, "Isolated") }
}

// newServingPod creates a pod that declares a port.
func newServingPod(ctx context.Context, namespace, name, app string, port int32) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "c", Image: "example.com/image", Ports: []corev1.ContainerPort{{ContainerPort: port}},
		}}},
	})).To(Succeed())
}

var _ = Describe("what really holds", func() {
	It("is not isolation while a policy of somebody else adds to what profiles declare", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", apiAndDatabase)
		expectReady(ctx, p)
		Eventually(isolated(ctx, p)).Should(Equal("True/Isolated"))

		By("adding a policy that admits everything")
		foreign := newPolicy(ctx, ns, "allow-all", allowAll)
		before := foreign.ResourceVersion
		Eventually(isolated(ctx, p), "5s").Should(Equal("False/ForeignPolicyWidens"))
		Expect(message(ctx, p, "Isolated")).To(And(ContainSubstring("allow-all"), ContainSubstring("tier api"), ContainSubstring("every port")))
		Expect(condition(ctx, p, "Ready")).To(Equal("True/Applied"))
		Eventually(func(g Gomega) {
			var list eventsv1.EventList
			g.Expect(k8s.List(ctx, &list, client.InNamespace(ns))).To(Succeed())
			g.Expect(list.Items).To(ContainElement(And(HaveField("Reason", "ForeignPolicyWidens"), HaveField("Type", "Warning"))))
		}).Should(Succeed())

		By("leaving it alone")
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(foreign), foreign)).To(Succeed())
		Expect(foreign.ResourceVersion).To(Equal(before))

		By("deleting it")
		remove(ctx, foreign)
		Eventually(isolated(ctx, p), "5s").Should(Equal("True/Isolated"))
		Expect(findingsOf(ctx, p, v1alpha1.CodeForeignPolicyWidens)()).To(BeEmpty())
	})

	It("is isolation when a policy of somebody else admits no more than profiles do", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		newPolicy(ctx, ns, "also", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 5432}]}]}")
		p := newProfile(ctx, ns, "shop", apiAndDatabase)
		expectReady(ctx, p)
		Eventually(isolated(ctx, p)).Should(Equal("True/Isolated"))
		Consistently(isolated(ctx, p), "1s").Should(Equal("True/Isolated"))
	})

	It("is told of cluster profiles with the namespace, and of another profile as no fault", func(ctx SpecContext) {
		team := newName("team")
		one, two := newNamespace(ctx, map[string]string{"team": team}), newNamespace(ctx, map[string]string{"team": team})
		baseline := newClusterProfile(ctx, newName("base"), "namespaceSelector: {matchLabels: {team: "+team+"}}\ntiers: []")
		expectReady(ctx, baseline)
		Eventually(isolated(ctx, baseline)).Should(Equal("True/Isolated"))

		p := newProfile(ctx, one, "shop", apiAndDatabase)
		expectReady(ctx, p)
		Eventually(findingsOf(ctx, baseline, v1alpha1.CodeWidenedByProfile)).Should(ConsistOf(ContainSubstring("SegmentationProfile " + one + "/shop")))
		Eventually(isolated(ctx, baseline)).Should(Equal("True/Isolated"))

		newPolicy(ctx, two, "allow-all", allowAll)
		Eventually(isolated(ctx, baseline), "5s").Should(Equal("False/ForeignPolicyWidens"))
		Expect(message(ctx, baseline, "Isolated")).To(ContainSubstring(two))
		Consistently(isolated(ctx, p), "1s").Should(Equal("True/Isolated"))
	})

	It("is half a connection until the other team allows it, and again when it ceases to", func(ctx SpecContext) {
		shop, pay := newNamespace(ctx, nil), newNamespace(ctx, nil)
		const gateway = "dns: None\ntiers: [{name: gateway, podSelector: {matchLabels: {app: gw}}, ports: [{port: 8443}]}]\n"
		agreed := gateway + fmt.Sprintf("allow: [{name: shop, from: [{remoteTier: {namespace: %s, profile: shop, tier: api}}], to: [{tier: gateway}]}]", shop)
		other := newProfile(ctx, pay, "pay", gateway)
		expectReady(ctx, other)
		p := newProfile(ctx, shop, "shop", fmt.Sprintf(
			"dns: None\ntiers: [{name: api, podSelector: {matchLabels: {app: api}}}]\nallow: [{name: pay, from: [{tier: api}], to: [{remoteTier: {namespace: %s, profile: pay, tier: gateway}}]}]", pay))
		expectReady(ctx, p)
		halfOpen := findingsOf(ctx, p, v1alpha1.CodeHalfOpen)
		Eventually(halfOpen).Should(ConsistOf(ContainSubstring(fmt.Sprintf(
			"SegmentationProfile %s/pay does not admit it where it arrives; add to allow of SegmentationProfile %s/pay: {name: from-%s-api, from: [{remoteTier: {namespace: %s, profile: shop, tier: api}}], to: [{tier: gateway}], ports: [{port: 8443}]}",
			pay, pay, shop, shop))))

		setSpec(ctx, other, agreed)
		Eventually(halfOpen, "10s").Should(BeEmpty())
		setSpec(ctx, other, gateway)
		Eventually(halfOpen, "10s").Should(HaveLen(1))
	})

	It("follows namespaces by their labels to where a flow ends", func(ctx SpecContext) {
		team := newName("team")
		shop, far := newNamespace(ctx, nil), newNamespace(ctx, nil)
		newServingPod(ctx, far, "web", "web", 9090)
		newPolicy(ctx, far, "closed", "{podSelector: {}}")
		p := newProfile(ctx, shop, "shop", fmt.Sprintf(
			"dns: None\ntiers: [{name: api, podSelector: {matchLabels: {app: api}}}]\nallow: [{name: out, from: [{tier: api}], to: [{pods: {namespaceSelector: {matchLabels: {team: %s}}}}], ports: [{port: 9090}]}]", team))
		expectReady(ctx, p)
		halfOpen := findingsOf(ctx, p, v1alpha1.CodeHalfOpen)
		Consistently(halfOpen, "1s").Should(BeEmpty())
		relabel(ctx, far, map[string]string{"team": team})
		Eventually(halfOpen, "10s").Should(ConsistOf(ContainSubstring("NetworkPolicy " + far + "/closed does not admit it")))
		relabel(ctx, far, nil)
		Eventually(halfOpen, "10s").Should(BeEmpty())
	})

	It("is what a preview compares with, as pods and policies come and go", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		newServingPod(ctx, ns, "db", "db", 5432)
		p := newProfile(ctx, ns, "shop", "mode: Preview\n"+apiAndDatabase)
		expectReady(ctx, p)
		Expect(status(ctx, p).Preview.Connections).NotTo(BeNil(), "a preview is ready when it says what it would cut")
		Expect(cuts(ctx, p)()).To(BeEmpty())
		Expect(condition(ctx, p, "Isolated")).To(Equal("Unknown/Previewed"))

		By("running something that reaches the database")
		newServingPod(ctx, ns, "legacy", "legacy", 7000)
		newServingPod(ctx, ns, "api", "api", 8080)
		Eventually(cuts(ctx, p), "10s").Should(ConsistOf(
			"Pod legacy -> tier database TCP/5432", "tier database -> Pod legacy TCP/7000", "Pod legacy -> tier api TCP/8080",
			"tier api -> Pod legacy TCP/7000", "tier database -> tier api TCP/8080"))
		Expect(policies(ctx, ns)).To(BeEmpty())

		By("closing the database to it by hand, so that there is nothing left to cut there")
		newPolicy(ctx, ns, "db", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}")
		Eventually(cuts(ctx, p), "10s").ShouldNot(ContainElement("Pod legacy -> tier database TCP/5432"))

		By("enforcing, after which the same profile has nothing to cut any more")
		setSpec(ctx, p, apiAndDatabase)
		expectReady(ctx, p)
		setSpec(ctx, p, "mode: Preview\n"+apiAndDatabase)
		expectReady(ctx, p)
		Eventually(cuts(ctx, p), "10s").Should(BeEmpty())
		Expect(policies(ctx, ns)).To(HaveLen(4), "switching back to Preview leaves what is there")
	})

	It("is what a preview of a change compares with, less the profile that it would replace", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		newServingPod(ctx, ns, "db", "db", 5432)
		newServingPod(ctx, ns, "api", "api", 8080)
		expectReady(ctx, newProfile(ctx, ns, "shop", apiAndDatabase))
		next := newProfile(ctx, ns, "next", `
mode: Preview
previewOf: shop
dns: None
tiers:
- {name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 8080}]}
- {name: database, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}
allow:
- {name: database-calls-api, from: [{tier: database}], to: [{tier: api}]}
`)
		expectReady(ctx, next)
		Eventually(cuts(ctx, next)).Should(ConsistOf("tier api -> tier database TCP/5432"))
		connections := status(ctx, next).Preview.Connections
		Expect(connections.Opens).To(ConsistOf(v1alpha1.PreviewConnection{Namespace: ns, From: "tier database", To: "tier api", Ports: "TCP/8080"}))
		Expect(message(ctx, next, "Ready")).To(HaveSuffix("cut 1 connection and open 1."))
	})
})

// relabel replaces the labels of a namespace.
func relabel(ctx context.Context, name string, labels map[string]string) {
	GinkgoHelper()
	var ns corev1.Namespace
	Expect(k8s.Get(ctx, client.ObjectKey{Name: name}, &ns)).To(Succeed())
	ns.Labels = labels
	Expect(k8s.Update(ctx, &ns)).To(Succeed())
}
