package plugin_test

import (
	"encoding/json"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/checkup"
)

// careless is a profile, and a policy of somebody else's, of which the operator has much to say.
const careless = `
apiVersion: firebreak.dev/v1alpha1
kind: SegmentationProfile
metadata: {name: shop, namespace: NAMESPACE}
spec:
  tiers:
  - {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 80}], dns: Any}
  allow:
  - {name: everybody, from: [{anywhere: {}}], to: [{tier: web}]}
  - {name: search, from: [{tier: web}], to: [{service: {name: search}}]}
  - {name: nodes, from: [{nodes: {}}], to: [{tier: web}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-all, namespace: NAMESPACE}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
`

// said is a finding, or a result of a checkup, as both are compared.
func said(severity v1alpha1.Severity, code v1alpha1.FindingCode, message string) string {
	return strings.Join([]string{string(severity), string(code), message}, ": ")
}

var _ = Describe("check", func() {
	It("foretells with --live what the operator reports", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		files := strings.ReplaceAll(careless, "NAMESPACE", namespace)
		answer := firebreakAs(ctx, admin, files, "check", "-f", "-", "--live", "-o", "json")
		Expect(answer.code).To(Equal(1), answer.stderr)
		var foretold checkup.Report
		Expect(json.Unmarshal([]byte(answer.stdout), &foretold)).To(Succeed())
		var want []string
		for _, r := range foretold.Results {
			want = append(want, said(r.Severity, r.Code, r.Message))
		}
		Expect(want).To(ContainElements(ContainSubstring("AnywherePeer"), ContainSubstring("ForeignPolicyWidens"), ContainSubstring("UnresolvedPeer"), ContainSubstring("TierSelectsNothing")))

		_, _, err := plane.KubectlStdin(ctx, strings.NewReader(files), "apply", "-f", "-")
		Expect(err).NotTo(HaveOccurred())
		Eventually(func(g Gomega) {
			var profile v1alpha1.SegmentationProfile
			g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "shop"}, &profile)).To(Succeed())
			var got []string
			for _, f := range profile.Status.Findings {
				// Only what runs in a cluster can say that nobody enforces.
				if f.Code != v1alpha1.CodeNotEnforced {
					got = append(got, said(f.Severity, f.Code, f.Message))
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			g.Expect(got).To(Equal(want))
		}).Should(Succeed())
	})

	It("refuses without a cluster what the API server refuses, in its words", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		files := strings.ReplaceAll(careless, "NAMESPACE", namespace)
		files = strings.Replace(files, "{tier: web}", "{tier: gone}", 1)
		_, stderr, err := plane.KubectlStdin(ctx, strings.NewReader(files), "create", "--dry-run=server", "-f", "-")
		Expect(err).To(HaveOccurred())
		answer := firebreakAs(ctx, admin, files, "check", "-f", "-")
		Expect(answer.code).To(Equal(1), answer.stderr)
		const words = `allow entry "everybody": to names tier "gone", which this profile does not have`
		Expect(stderr).To(ContainSubstring(words))
		Expect(answer.stdout).To(ContainSubstring(words))
	})
})
