package crd_test

import (
	"context"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"sigs.k8s.io/yaml"
)

// reported is the status of a profile that is ready and had two corrections.
const reported = `
observedGeneration: 1
policies: 3
tierCount: 2
namespaces: {selected: 7, applied: 7, failed: 0, refused: 0}
drift: {corrections: 2}
tiers: [{name: web, pods: 1, namespaces: 1}, {name: bare, pods: 1, namespaces: 1}]
conditions:
- {type: Ready, status: "True", reason: Applied, message: All policies are applied., lastTransitionTime: "2026-01-01T00:00:00Z"}
- {type: Isolated, status: "False", reason: ForeignPolicyWidens, message: m, lastTransitionTime: "2026-01-01T00:00:00Z"}
`

var _ = Describe("kubectl", func() {
	columns := map[string][]string{
		"SegmentationProfile":        {"NAME", "MODE", "READY", "ISOLATED", "TIERS", "POLICIES", "DRIFT", "AGE"},
		"ClusterSegmentationProfile": {"NAME", "MODE", "READY", "ISOLATED", "NAMESPACES", "POLICIES", "DRIFT", "AGE"},
	}
	for _, k := range bothKinds() {
		Context("asked for a "+k.name, func() {
			BeforeEach(func(ctx context.Context) {
				object := created(ctx, profile(k, "shop", tiers))
				status := map[string]any{}
				Expect(yaml.Unmarshal([]byte(reported), &status)).To(Succeed())
				object.Object["status"] = status
				Expect(apiServer.client.Status().Update(ctx, object)).To(Succeed())
			})

			It("prints a line that says how the profile does", func(ctx context.Context) {
				lines := strings.Split(kubectl(ctx, "get", k.short), "\n")
				Expect(strings.Fields(lines[0])).To(Equal(columns[k.name]))
				cells := strings.Fields(lines[1])
				Expect(cells).To(HaveLen(len(columns[k.name])))
				Expect(cells[:4]).To(Equal([]string{"shop", "Enforce", "True", "False"}))
				Expect(cells[5:7]).To(Equal([]string{"3", "2"}))
				if k.namespace == "" {
					Expect(cells[4]).To(Equal("7"), "namespaces")
				} else {
					Expect(cells[4]).To(Equal("2"), "tiers")
				}
			})

			It("adds the message of Ready with -o wide", func(ctx context.Context) {
				wide := kubectl(ctx, "get", k.short, "-o", "wide")
				Expect(wide).To(ContainSubstring("MESSAGE"))
				Expect(wide).To(ContainSubstring("All policies are applied."))
			})

			It("finds it in the category firebreak", func(ctx context.Context) {
				Expect(kubectl(ctx, "get", "firebreak", "-o", "name")).To(ContainSubstring(k.resource + ".firebreak.dev/shop"))
			})

			It("waits for Ready", func(ctx context.Context) {
				Expect(kubectl(ctx, "wait", k.short+"/shop", "--for=condition=Ready", "--timeout=10s")).To(ContainSubstring("condition met"))
			})

			It("explains what an allow entry is", func(ctx context.Context) {
				text := explained(ctx, k.resource+".spec.allow")
				Expect(text).To(SatisfyAll(
					ContainSubstring("allow lists who may talk to whom"),
					ContainSubstring("FIELDS:"),
					ContainSubstring("-required-"),
					ContainSubstring("from lists the sources"),
				))
			})

			It("explains every field, and shows nothing that is meant for developers", func(ctx context.Context) {
				var text string
				for _, path := range []string{"", ".status", ".spec", ".spec.tiers.ports", ".spec.tiers.podSelector", ".spec.allow.to", ".spec.allow.to.ipBlocks"} {
					text += explained(ctx, k.resource+path)
				}
				Expect(text).NotTo(SatisfyAny(ContainSubstring("<no description>"), ContainSubstring("+kubebuilder"), ContainSubstring("---")))
			})
		})
	}

	It("applies the CRDs the way of the client, which notes all of them down in an annotation", func(ctx context.Context) {
		Expect(kubectl(ctx, "apply", "-f", crds)).To(ContainSubstring("segmentationprofiles.firebreak.dev configured"))
	})

	It("applies every sample as it stands", func(ctx context.Context) {
		kubectl(ctx, "apply", "-f", filepath.Join(samples, "namespaces.yaml"))
		Expect(kubectl(ctx, "apply", "--dry-run=server", "--validate=strict", "-k", samples)).To(ContainSubstring("segmentationprofile.firebreak.dev/shop created"))
	})
})
