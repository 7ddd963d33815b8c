package crd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// etcdLimit is a little less than what etcd takes in one request by default (1.5 MiB).
const etcdLimit = 1_500_000

// longName is a DNS label of 63 characters that ends with a number.
func longName(i int) string { return strings.Repeat("n", 60) + fmt.Sprintf("%03d", i) }

// repeated joins n items, each made from its number.
func repeated(n int, item func(i int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	return strings.Join(items, ", ")
}

// manyTiers is the YAML of n tiers with names as long as they may be.
func manyTiers(n int) string {
	return "tiers: [" + repeated(n, func(i int) string {
		return "{name: " + longName(i) + ", podSelector: {}, ports: [{port: 80}]}"
	}) + "]\n"
}

// manyEntries is the YAML of n entries, each with the same number of sources and of destinations, all of them tiers.
func manyEntries(n, sources, destinations int) string {
	tier := func(i int) string { return "{tier: " + longName(i) + "}" }
	return "allow: [" + repeated(n, func(i int) string {
		return "{name: " + longName(i) + ", from: [" + repeated(sources, tier) + "], to: [" + repeated(destinations, tier) + "]}"
	}) + "]\n"
}

// sources is a spec with as many entries from as many peers as are given.
func sources(entries, peers int, peer func(i int) string) string {
	return tiers + "allow: [" + repeated(entries, func(i int) string {
		return "{name: " + longName(i) + ", from: [" + repeated(peers, peer) + "], to: [{tier: web}]}"
	}) + "]\n"
}

// addresses are n ranges.
func addresses(n int) string {
	return repeated(n, func(i int) string { return fmt.Sprintf("10.200.%d.0/24", i) })
}

var _ = Describe("The API server", func() {
	for _, k := range bothKinds() {
		Context("asked for a "+k.name, func() {
			It("takes 64 tiers and 128 entries of 32 sources and 32 destinations, with the longest names", func(ctx context.Context) {
				object := profile(k, strings.Repeat("p", 63), manyTiers(64)+manyEntries(128, 32, 32))
				size, err := json.Marshal(object)
				Expect(err).NotTo(HaveOccurred())
				Expect(len(size)).To(BeNumerically("<", etcdLimit))
				created(ctx, object)
			})

			It("takes as many addresses as etcd stores", func(ctx context.Context) {
				created(ctx, profile(k, "shop", sources(38, 32, func(int) string {
					return "{ipBlocks: {cidrs: [" + addresses(64) + "]}}"
				})))
			})

			It("takes hundreds of peers with all the addresses and exceptions that a peer may have", func(ctx context.Context) {
				exceptions := repeated(16, func(i int) string { return fmt.Sprintf("10.200.63.%d/32", i) })
				created(ctx, profile(k, "shop", sources(10, 32, func(int) string {
					return "{ipBlocks: {cidrs: [" + addresses(64) + "], except: [" + exceptions + "]}}"
				})))
			})

			It("takes thousands of selectors", func(ctx context.Context) {
				labels := repeated(16, func(i int) string { return fmt.Sprintf("app.kubernetes.io/label-%d: value", i) })
				created(ctx, profile(k, "shop", sources(64, 32, func(int) string {
					return "{pods: {podSelector: {matchLabels: {" + labels + "}}}}"
				})))
			})

			It("refuses a profile whose name is longer than 63 characters", func(ctx context.Context) {
				Expect(tried(ctx, profile(k, "a."+strings.Repeat("p", 61), tiers))).To(Succeed())
				Expect(tried(ctx, profile(k, "a."+strings.Repeat("p", 62), tiers))).To(
					MatchError(ContainSubstring("metadata.name: the name of a profile has at most 63 characters")))
			})

			for _, r := range bounds() {
				It("refuses more than "+r.refuses, func(ctx context.Context) {
					Expect(tried(ctx, profile(k, "shop", r.accepted))).To(Succeed())
					Expect(tried(ctx, profile(k, "shop", r.refused))).To(MatchError(ContainSubstring(r.message)))
				})
			}
		})
	}
})

// bounds are the lengths of lists and maps: one less, and one too many.
func bounds() []rule {
	bound := func(refuses string, most int, path string, spec func(n int) string) rule {
		return rule{refuses, spec(most), spec(most + 1), fmt.Sprintf("%s: Too many: %d: must have at most %d items", path, most+1, most)}
	}
	port := func(i int) string { return fmt.Sprintf("{port: %d}", i+1) }
	name := func(i int) string { return fmt.Sprintf("n%d", i) }
	return []rule{
		bound("64 tiers", 64, "spec.tiers", manyTiers),
		bound("128 entries", 128, "spec.allow", func(n int) string { return manyTiers(1) + manyEntries(n, 1, 1) }),
		bound("32 sources", 32, "spec.allow[0].from", func(n int) string { return manyTiers(64) + manyEntries(1, n, 1) }),
		bound("32 destinations", 32, "spec.allow[0].to", func(n int) string { return manyTiers(64) + manyEntries(1, 1, n) }),
		bound("32 ports of a tier", 32, "spec.tiers[0].ports", func(n int) string { return tierPorts(repeated(n, port)) }),
		bound("32 ports of an entry", 32, "spec.allow[0].ports", func(n int) string {
			return entry("from: [{tier: web}], to: [{tier: web}], ports: [" + repeated(n, port) + "]")
		}),
		bound("64 namespaces", 64, "spec.allow[0].from[0].pods.namespaces", func(n int) string {
			return source("{pods: {namespaces: [" + repeated(n, name) + "]}}")
		}),
		bound("64 address ranges", 64, "spec.allow[0].from[0].ipBlocks.cidrs", func(n int) string {
			return source("{ipBlocks: {cidrs: [" + addresses(n) + "]}}")
		}),
		bound("16 exceptions", 16, "spec.allow[0].from[0].ipBlocks.except", func(n int) string {
			return source("{ipBlocks: {cidrs: [10.0.0.0/8], except: [" + addresses(n) + "]}}")
		}),
		bound("16 exceptions from the internet", 16, "spec.allow[0].from[0].internet.except", func(n int) string {
			return source("{internet: {except: [" + addresses(n) + "]}}")
		}),
		bound("16 labels", 16, "spec.tiers[0].podSelector.matchLabels", func(n int) string {
			return tierSelector("{matchLabels: {" + repeated(n, func(i int) string { return name(i) + ": x" }) + "}}")
		}),
		bound("16 expressions", 16, "spec.tiers[0].podSelector.matchExpressions", func(n int) string {
			return tierSelector("{matchExpressions: [" + repeated(n, func(i int) string { return "{key: " + name(i) + ", operator: Exists}" }) + "]}")
		}),
		bound("32 values", 32, "spec.tiers[0].podSelector.matchExpressions[0].values", func(n int) string {
			return tierSelector("{matchExpressions: [{key: a, operator: In, values: [" + repeated(n, name) + "]}]}")
		}),
	}
}
