package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/test/harness"
)

// holes is how many are made to tell how long they stand.
const holes = 100

// quick is how long a hole may stand without being compared, in the median and in 99 of 100: below it, the machine's other
// work decides, and so it does below more when the operator needs the processor for long because it has the race detector.
func quick() (median, p99 time.Duration) {
	if harness.RaceEnabled() {
		return 500 * time.Millisecond, 2 * time.Second
	}
	return 250 * time.Millisecond, time.Second
}

// repairs are the times for which holes stood.
type repairs []time.Duration

func (r repairs) median() time.Duration { return slices.Sorted(slices.Values(r))[len(r)/2] }

// p99 returns the time below which 99 of 100 holes stood.
func (r repairs) p99() time.Duration {
	sorted := slices.Sorted(slices.Values(r))
	return sorted[(len(sorted)*99+99)/100-1]
}

// String says it in a few words.
func (r repairs) String() string {
	return fmt.Sprintf("%d holes stood for %d ms in the median, %d ms in 99 of 100, %d ms at worst",
		len(r), r.median().Milliseconds(), r.p99().Milliseconds(), slices.Max(r).Milliseconds())
}

// expectAsQuickAs fails when holes stood for more than twice as long as before the trouble, in the median or in 99 of 100.
func (r repairs) expectAsQuickAs(usual repairs) {
	GinkgoHelper()
	median, p99 := quick()
	Expect(r.median()).To(BeNumerically("<=", max(median, 2*usual.median())), "%s; before, %s", r, usual)
	Expect(r.p99()).To(BeNumerically("<=", max(p99, 2*usual.p99())), "%s; before, %s", r, usual)
}

// repairs makes holes into one policy after the other, in turn in each of the homes, and returns how long each stood. No
// policy is changed so often that its corrections are held back.
func (e *estate) repairs(ctx context.Context, homes []*home) repairs {
	GinkgoHelper()
	var out repairs
	for i := range holes {
		h := homes[i%len(homes)]
		policies, err := h.policies(ctx)
		Expect(err).NotTo(HaveOccurred())
		tiers := slices.Sorted(maps.Keys(policies))
		out = append(out, h.repair(ctx, policies[tiers[i/len(homes)%len(tiers)]]))
	}
	return out
}

// repair makes a hole into a policy, and returns after how long a watch shows it as it was.
func (h *home) repair(ctx context.Context, policy live) time.Duration {
	GinkgoHelper()
	events, err := h.site.admin.NetworkingV1().NetworkPolicies(h.profile.Namespace).Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + policy.name})
	Expect(err).NotTo(HaveOccurred())
	defer events.Stop()
	began := time.Now()
	Expect(h.tryOpen(ctx, policy.name)).To(Succeed())
	late := time.After(backWithin)
	for open := false; ; {
		select {
		case event := <-events.ResultChan():
			p, ok := event.Object.(*networkingv1.NetworkPolicy)
			Expect(ok).To(BeTrue(), "%+v", event)
			spec, err := json.Marshal(p.Spec)
			Expect(err).NotTo(HaveOccurred())
			if string(spec) != policy.spec {
				open = true
			} else if open {
				return time.Since(began)
			}
		case <-late:
			Fail(fmt.Sprintf("a hole in %s/%s has stood for %s", h.profile.Namespace, policy.name, backWithin))
		}
	}
}
