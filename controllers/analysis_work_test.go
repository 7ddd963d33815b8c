package controllers_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// judged returns how often a namespace was judged so far.
func judged() float64 {
	GinkgoHelper()
	return reconcilesOf(func(controller string) bool { return controller == "analysis" })
}

// settledJudgements returns how often a namespace was judged, once that has not gone on for a while.
func settledJudgements() float64 {
	GinkgoHelper()
	var last float64
	since := time.Now()
	Eventually(func() bool {
		if now := judged(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second
	}, "60s").Should(BeTrue())
	return last
}

// denyAll is a policy that admits nothing.
const denyAll = "{podSelector: {}, policyTypes: [Ingress, Egress]}"

var _ = Describe("judging what really holds", func() {
	It("follows the addresses that pods get after they were made", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		newServingPod(ctx, ns, "client", "client", 7000)
		p := newProfile(ctx, ns, "shop", apiAndDatabase)
		newPolicy(ctx, ns, "by-address", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.99.0.7/32}}], ports: [{port: 5432}]}]}")
		expectReady(ctx, p)
		Eventually(isolated(ctx, p)).Should(Equal("False/ForeignPolicyWidens"))

		By("giving the address to a pod: what the policy means then depends on the network plugin")
		giveAddress(ctx, ns, "client", "10.99.0.7")
		Eventually(isolated(ctx, p)).Should(Equal("Unknown/Undecidable"))
		giveAddress(ctx, ns, "client", "10.99.0.8")
		Eventually(isolated(ctx, p)).Should(Equal("False/ForeignPolicyWidens"))
	})

	It("asks nothing of the API server and writes no policy", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", apiAndDatabase)
		expectReady(ctx, p)
		Eventually(isolated(ctx, p)).Should(Equal("True/Isolated"))
		other := newPolicy(ctx, ns, "other", denyAll)
		before, policiesBefore := settledJudgements(), versions(ctx, ns)
		_, first := asked.since(0)

		By("changing a policy in a way that changes no judgement")
		change(ctx, other, func(p *networkingv1.NetworkPolicy) { p.Labels = map[string]string{"a": "b"} })
		Expect(settledJudgements()).To(BeNumerically(">", before))
		list, _ := asked.since(first)
		Expect(list).To(BeEmpty())

		By("adding one that changes it, which is written to status and told as an event")
		foreign := newPolicy(ctx, ns, "allow-all", allowAll)
		Eventually(isolated(ctx, p), "5s").Should(Equal("False/ForeignPolicyWidens"))
		settledJudgements()
		list, _ = asked.since(first)
		Expect(list).To(ConsistOf(
			http.MethodPatch+" /apis/firebreak.dev/v1alpha1/namespaces/"+ns+"/segmentationprofiles/shop/status",
			http.MethodPost+" /apis/events.k8s.io/v1/namespaces/"+ns+"/events",
		))
		after := versions(ctx, ns)
		delete(after, foreign.Name)
		delete(after, other.Name)
		delete(policiesBefore, other.Name)
		Expect(after).To(Equal(policiesBefore))
	})

	It("is done few times for many changes", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", apiAndDatabase)
		expectReady(ctx, p)
		Eventually(isolated(ctx, p)).Should(Equal("True/Isolated"))
		foreign := newPolicy(ctx, ns, "other", denyAll)
		before := settledJudgements()
		began := time.Now()
		for i := range 200 {
			change(ctx, foreign, func(p *networkingv1.NetworkPolicy) { p.Labels = map[string]string{"revision": fmt.Sprint(i)} })
		}
		// Those that come within a fifth of a second of the first are judged together.
		atMost := 2 + time.Since(began).Seconds()*5
		Expect(settledJudgements() - before).To(BeNumerically("<=", atMost))
		Expect(condition(ctx, p, "Isolated")).To(Equal("True/Isolated"))
		Expect(findingsOf(ctx, p, v1alpha1.CodeForeignPolicyWidens)()).To(BeEmpty())
	})
})

// giveAddress gives a running pod this address and no other.
func giveAddress(ctx context.Context, namespace, name, address string) {
	GinkgoHelper()
	var pod corev1.Pod
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &pod)).To(Succeed())
	pod.Status.Phase = corev1.PodRunning
	pod.Status.PodIP, pod.Status.PodIPs = address, []corev1.PodIP{{IP: address}}
	Expect(k8s.Status().Update(ctx, &pod)).To(Succeed())
}
