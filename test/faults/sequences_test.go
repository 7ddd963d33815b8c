package faults_test

import (
	"context"
	"encoding/json"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/random"
)

var _ = Describe("Random sequences of valid and invalid specs", func() {
	It("end where a fresh install of the last one does, and invalid ones change nothing", func(ctx SpecContext) {
		number, steps := 4, 8
		if soaking() {
			number, steps = 24, 30
		}
		operator := startMortal(ctx)
		seen := watchProfiles(ctx)
		createReferences(ctx)
		var sequences []*sequence
		for i := range number {
			sequences = append(sequences, newSequence(ctx, i, seen))
		}
		sideBySide(sequences, func(s *sequence) {
			s.frozen(ctx)
			s.expectSettled(ctx)
			for range steps {
				s.step(ctx)
			}
			s.expectAsFresh(ctx)
		})
		Expect(operator.ailing()).To(Succeed())
		all := account.Account{Test: "valid and invalid specs"}
		counts := map[string]int{}
		for _, s := range sequences {
			for name, n := range s.counts {
				counts[name] += n
				all.Faults += n
			}
		}
		all.Note = fmt.Sprint(counts)
		AddReportEntry(account.EntryName, all)
	})
})

// sequence is a namespace in which one profile goes through specs of all kinds.
type sequence struct {
	*declared
	drawer    random.Drawer
	namespace string
	// former is the spec before.
	former snapshot.Profile
	// counts are how often each kind of step was made.
	counts map[string]int
}

func newSequence(ctx context.Context, number int, seen client.Reader) *sequence {
	GinkgoHelper()
	s := &sequence{drawer: random.New(uint64(GinkgoRandomSeed()), uint64(2000+number)), counts: map[string]int{}}
	s.namespace = newLifeNamespace(ctx, fmt.Sprint("sequence-", number), map[string]string{"team": "a"})
	p := drawProfile(s.drawer, v1alpha1.KindSegmentationProfile)
	p.Key, p.Mode = snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: s.namespace, Name: "p0"}, v1alpha1.ModeEnforce
	s.declared, s.former = &declared{Profile: p, seen: seen}, p
	s.declare(ctx, p)
	s.expectSettled(ctx)
	return s
}

// step draws what happens next, and waits for what must come of it.
func (s *sequence) step(ctx context.Context) {
	GinkgoHelper()
	steps := []struct {
		name string
		do   func(context.Context)
	}{
		{"valid", s.alter}, {"valid", s.alter}, {"back to the former", s.back}, {"there and back at once", s.thereAndBack},
		{"refused by the API server", s.refused}, {"refused by the controller", s.frozen}, {"other mode", s.otherMode},
		{"other deletionPolicy", s.otherDeletionPolicy}, {"deleted and created at once", s.recreate}, {"deleted and created at once", s.recreate},
	}
	next := random.OneOf(s.drawer, steps...)
	By(s.namespace + ": " + next.name)
	next.do(ctx)
	s.expectSettled(ctx)
	By(s.namespace + ": settled")
	s.counts[next.name]++
}

func (s *sequence) alter(ctx context.Context) {
	s.former = s.Profile
	s.declare(ctx, s.drawer.Altered(s.Profile))
}

func (s *sequence) back(ctx context.Context) {
	now := s.Profile
	s.declare(ctx, s.former)
	s.former = now
}

func (s *sequence) thereAndBack(ctx context.Context) {
	now := s.Profile
	for range 1 + s.drawer.IntN(3) {
		s.declare(ctx, s.drawer.Altered(now))
	}
	s.declare(ctx, now)
}

func (s *sequence) otherMode(ctx context.Context) {
	next := s.Profile
	if next.Mode = v1alpha1.ModePreview; s.Mode == next.Mode {
		next.Mode = v1alpha1.ModeEnforce
	}
	s.declare(ctx, next)
}

func (s *sequence) otherDeletionPolicy(ctx context.Context) {
	next := s.Profile
	if next.DeletionPolicy = v1alpha1.DeletionPolicyRetain; s.Retains() {
		next.DeletionPolicy = v1alpha1.DeletionPolicyDelete
	}
	s.declare(ctx, next)
}

// recreate deletes the profile, and creates it again before anybody could have noticed, with the same spec or another.
func (s *sequence) recreate(ctx context.Context) {
	GinkgoHelper()
	s.remove(ctx)
	next := s.Profile
	if s.drawer.IntN(2) == 0 {
		next = s.drawer.Altered(next)
	}
	Eventually(func() error {
		return k8s.Get(ctx, client.ObjectKeyFromObject(s.live), s.empty())
	}, "30s", "5ms").Should(Satisfy(apierrors.IsNotFound))
	s.declare(ctx, next)
	// Until then the garbage collector may take what the former one owned.
	Eventually(func(g Gomega) {
		var list networkingv1.NetworkPolicyList
		g.Expect(k8s.List(ctx, &list, client.InNamespace(s.namespace))).To(Succeed())
		for _, p := range list.Items {
			for _, owner := range p.OwnerReferences {
				g.Expect(owner.UID).To(Equal(s.live.GetUID()), p.Name)
			}
		}
	}, 2*recoveredWithin).Should(Succeed(), again())
}

// refused tries what the API server refuses.
func (s *sequence) refused(ctx context.Context) {
	GinkgoHelper()
	was := wholePolicies(ctx, s.namespace)
	value := random.OneOf(s.drawer,
		`{"tiers":null}`,
		`{"mode":"Audit"}`,
		`{"tiers":[{"name":"default-deny","podSelector":{}}],"allow":null}`,
		`{"allow":[{"name":"typo","from":[{"tier":"nobody"}],"to":[{"tier":"nobody"}]}]}`,
		`{"allow":[{"name":"strangers","from":[{"anywhere":{}}],"to":[{"anywhere":{}}],"ports":[{"port":1}]}]}`,
		`{"tiers":[{"name":"t","podSelector":{},"ports":[{"port":70000}]}],"allow":null}`,
	)
	err := k8s.Patch(ctx, s.empty(), client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":%s}`, value)))
	Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%s: %v", value, err)
	Expect(wholePolicies(ctx, s.namespace)).To(Equal(was), again())
}

// frozen declares what only the controller refuses, which leaves all policies as they are, and then something else.
func (s *sequence) frozen(ctx context.Context) {
	GinkgoHelper()
	was := wholePolicies(ctx, s.namespace)
	spec, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/spec", "value": tooLargeSpec()}})
	Expect(err).NotTo(HaveOccurred())
	Expect(k8s.Patch(ctx, s.live, client.RawPatch(types.JSONPatchType, spec))).To(Succeed())
	Eventually(func() string {
		obj := s.empty()
		Expect(client.IgnoreNotFound(s.seen.Get(ctx, client.ObjectKeyFromObject(s.live), obj))).To(Succeed())
		if obj.GetGeneration() != s.live.GetGeneration() {
			return ""
		}
		return reasonOf(obj)
	}, 2*recoveredWithin).Should(Equal(string(metav1.ConditionFalse)+"/"+v1alpha1.ReasonInvalid), again())
	// The status may say so before the namespace is looked at.
	Consistently(func() map[string]string { return wholePolicies(ctx, s.namespace) }, "1s").Should(Equal(was), again())
	s.alter(ctx)
}

// tooLargeSpec returns a spec of which every part is within bounds, and whose policies could not be stored.
func tooLargeSpec() v1alpha1.SegmentationProfileSpec {
	var spec v1alpha1.SegmentationProfileSpec
	var all []v1alpha1.Peer
	for i := range 8 {
		tier := v1alpha1.Tier{Name: fmt.Sprint("large-", i), PodSelector: &v1alpha1.LabelSelector{}}
		for key := range 16 {
			r := v1alpha1.LabelSelectorRequirement{Key: fmt.Sprint("key-", key), Operator: metav1.LabelSelectorOpIn}
			for value := range 32 {
				r.Values = append(r.Values, v1alpha1.LabelValue(fmt.Sprintf("%050d-%d-%d", key, i, value)))
			}
			tier.PodSelector.MatchExpressions = append(tier.PodSelector.MatchExpressions, r)
		}
		spec.Tiers = append(spec.Tiers, tier)
		all = append(all, v1alpha1.Peer{Tier: tier.Name})
	}
	for i := range 8 {
		spec.Allow = append(spec.Allow, v1alpha1.AllowEntry{
			Name: fmt.Sprint("entry-", i), From: all, To: all, Ports: []v1alpha1.Port{{Port: intstr.FromInt(1000 + i)}},
		})
	}
	return spec
}

// expectAsFresh lets the profile enforce, and holds what it came to against what it comes to where nothing was before.
func (s *sequence) expectAsFresh(ctx context.Context) {
	GinkgoHelper()
	next := s.Profile
	next.Mode = v1alpha1.ModeEnforce
	s.declare(ctx, next)
	s.expectSettled(ctx)
	fresh := newLifeNamespace(ctx, "fresh-"+s.namespace, map[string]string{"team": "a"})
	next.Key.Namespace = fresh
	other := declared{Profile: next, seen: s.seen}
	other.declare(ctx, next)
	other.expectSettled(ctx)
	want := policiesOf(ctx, fresh)
	// What the garbage collector took from a profile that was recreated comes back.
	Eventually(func() map[string]string { return policiesOf(ctx, s.namespace) }).Should(Equal(want), "%s%s", s.text(), again())
	Consistently(func() map[string]string { return policiesOf(ctx, s.namespace) }, "300ms").Should(Equal(want), "%s%s", s.text(), again())
}
