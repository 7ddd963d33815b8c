package controllers_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
)

var _ = Describe("what is found about a profile", func() {
	It("names pods that no tier selects once, and is not written anew for each of them", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		newPod(ctx, ns, "web", map[string]string{"app": "web"}, false)
		newPod(ctx, ns, "other", nil, false)
		p := newProfile(ctx, ns, "shop", "isolation: Tiers\ndns: None\ntiers: [{name: web, podSelector: {matchLabels: {app: web}}}]")
		expectReady(ctx, p)
		found := func() []v1alpha1.Finding { return status(ctx, p).Findings }
		Eventually(found).Should(ConsistOf(SatisfyAll(
			HaveField("Code", v1alpha1.CodeUncoveredPods), HaveField("Severity", v1alpha1.SeverityInfo), HaveField("Namespace", ns),
			HaveField("Message", HavePrefix("No tier of this profile selects 1 running pod in namespace "+ns)))))

		// A status is written once a second at most: what was judged meanwhile comes with the next.
		Eventually(func() []metav1.Condition { return status(ctx, p).Conditions }).ShouldNot(ContainElement(HaveField("Status", metav1.ConditionUnknown)))
		before := p.ResourceVersion
		for i := range 5 {
			newPod(ctx, ns, fmt.Sprintf("other-%d", i), nil, false)
		}
		Consistently(func() string {
			found()
			return p.ResourceVersion
		}, "3s").Should(Equal(before))
	})
})
