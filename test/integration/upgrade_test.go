package integration_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/test/harness"
)

var _ = Describe("An upgrade", Ordered, func() {
	var previous string

	// runPrevious replaces the operator by that of the previous version, until the spec or runOperatorWith ends it.
	runPrevious := func(ctx context.Context, args ...string) *harness.Manager {
		GinkgoHelper()
		stopOperator()
		old, err := plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: operatorKubeconfig, Binary: previous, Args: append(args, "--metrics-bind-address=0")})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(old.Kill()).To(Succeed()) })
		return old
	}

	BeforeAll(func(ctx SpecContext) {
		has, err := harness.HasPreviousVersion(ctx)
		Expect(err).NotTo(HaveOccurred())
		if !has {
			Skip("this is a shallow clone, without commit " + harness.PreviousVersion + " to upgrade from, and it could not be fetched")
		}
		previous, err = harness.BuildManagerOf(ctx, harness.PreviousVersion)
		Expect(err).NotTo(HaveOccurred())
	})

	It("takes over the policies of the previous version without a write", func(ctx SpecContext) {
		old := runPrevious(ctx)
		key := newName("segment")
		one, two := newNamespace(ctx, map[string]string{key: "yes"}), newNamespace(ctx, map[string]string{key: "yes"})
		profiles := []client.Object{
			newProfile(ctx, one, "shop", everythingOfThePreviousVersion), newProfile(ctx, two, "tiers", "isolation: Tiers\n"+twoTiers), newClusterProfile(ctx, selecting(key)),
			newProfile(ctx, two, "next", "mode: Preview\ntiers: []"),
		}
		for _, p := range profiles {
			expectReady(ctx, p)
		}
		expectRest(ctx, []string{one, two}, profiles)
		before := versions(ctx, []string{one, two}, nil)
		Expect(old.Stop()).To(Succeed())
		written := len(policyWrites(one)) + len(policyWrites(two))

		resumeOperator(ctx)
		expectExamined(ctx)
		for _, p := range profiles {
			expectReady(ctx, p)
			Expect(corrections(ctx, p)).To(BeZero(), "an upgrade is no drift")
		}
		Consistently(func() map[string]string { return versions(ctx, []string{one, two}, nil) }, "1s").Should(Equal(before))
		Expect(len(policyWrites(one)) + len(policyWrites(two))).To(Equal(written))
	})

	It("rolls out what is compiled in another way no faster than the cap, and puts drift right meanwhile", func(ctx SpecContext) {
		const count, perSecond = 20, 10
		// Another compiler is one that knows of no node-local DNS cache.
		old := runPrevious(ctx, "--node-local-dns=")
		key := newName("segment")
		var namespaces []string
		for range count {
			namespaces = append(namespaces, newNamespace(ctx, map[string]string{key: "yes"}))
		}
		profile := newClusterProfile(ctx, "namespaceSelector: {matchLabels: {"+key+": \"yes\"}}\ntiers: [{name: web, podSelector: {matchLabels: {app: web}}}]")
		expectReady(ctx, profile)
		Expect(old.Stop()).To(Succeed())
		asked := len(requests())
		runOperatorWith(ctx, fmt.Sprint("--max-writes-per-second=", perSecond))

		updated := func() []string {
			var out []string
			for _, namespace := range namespaces {
				if slices.Contains(networkOf(ctx, namespace), "169.254.20.10/32") {
					out = append(out, namespace)
				}
			}
			return out
		}
		Eventually(updated, "30s").ShouldNot(BeEmpty())
		first := updated()
		Expect(len(first)).To(BeNumerically("<", count), "the roll-out is over before it can be watched")
		tampered := policyOf(ctx, first[0], "default-deny")
		patchObject(ctx, tampered, map[string]any{"spec": map[string]any{"egress": []any{map[string]any{}}}})
		Eventually(func() int { return len(policyOf(ctx, first[0], "default-deny").Spec.Egress) }, "1s").Should(BeZero())

		// What the previous version said of the profile may still stand while the first namespaces are examined.
		Eventually(updated, "30s").Should(HaveLen(count))
		expectReady(ctx, profile)
		var times []time.Time
		for _, r := range requests()[asked:] {
			if r.Object.Resource == "networkpolicies" && r.Verb == "update" && slices.Contains(namespaces, r.Object.Namespace) && r.Object.Name != tampered.Name {
				times = append(times, r.Time)
			}
		}
		Expect(times).To(HaveLen(count), "one write for each policy that changed")
		slices.SortFunc(times, time.Time.Compare)
		// Each has its time, and may begin a little late.
		Expect(times[count-1].Sub(times[0])).To(BeNumerically(">", (count-5)*time.Second/perSecond))
		for i := range times[perSecond+2:] {
			Expect(times[i+perSecond+2].Sub(times[i])).To(BeNumerically(">", 500*time.Millisecond), "%d writes at once", perSecond+2)
		}
	})
})

// networkOf lists the address ranges to which tier web may connect.
func networkOf(ctx context.Context, namespace string) []string {
	GinkgoHelper()
	var out []string
	for _, rule := range policyOf(ctx, namespace, "web").Spec.Egress {
		for _, peer := range rule.To {
			if peer.IPBlock != nil {
				out = append(out, peer.IPBlock.CIDR)
			}
		}
	}
	return out
}

// everythingOfThePreviousVersion uses every feature of profiles that the previous version carried out.
const everythingOfThePreviousVersion = `
dns: Cluster
tiers:
- {name: web, description: Serves pages, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}, {port: metrics}]}
- {name: api, podSelector: {matchExpressions: [{key: app, operator: In, values: [v2, v1]}]}, ports: [{port: 9000, endPort: 9010}], dns: Any}
- {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}], dns: None}
allow:
- {name: users, description: They pay., from: [{pods: {namespaces: [ingress, edge], podSelector: {matchLabels: {a: b}}}}], to: [{tier: web}]}
- {name: web-api, from: [{tier: web}], to: [{tier: api}]}
- {name: api-db, from: [{tier: api}], to: [{tier: db}], ports: [{port: 5433, protocol: UDP}]}
- {name: partner, from: [{tier: api}], to: [{ipBlocks: {cidrs: [192.0.2.0/25, 192.0.2.128/25], except: [192.0.2.7/32]}}], ports: [{port: 443}]}
- {name: internet, from: [{tier: web}], to: [{internet: {except: [8.8.8.8/32]}}], ports: [{port: 443}]}
- {name: anybody, from: [{anywhere: {}}], to: [{tier: web}]}
`
