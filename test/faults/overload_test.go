package faults_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
)

// overload is an API server that has more to do than it can.
type overload struct {
	name string
	// refuses: half of all requests are. slow: it takes its time with those that it answers.
	refuses, slow bool
	namespaces    int
	// lasts is when it is over, whatever was done by then.
	lasts time.Duration
}

// largeOverloads are met by as many namespaces as a cluster has.
func largeOverloads() []overload {
	return []overload{
		{name: "refuses half of all requests of many namespaces", refuses: true, namespaces: 100, lasts: 45 * time.Second},
		{name: "is slow", slow: true, namespaces: 100, lasts: 45 * time.Second},
		{name: "is slow and refuses half of all requests", refuses: true, slow: true, namespaces: 100, lasts: 45 * time.Second},
	}
}

// rules let each request be refused, or be answered late, by chance.
func (o overload) rules() []*proxy.Rule {
	var rules []*proxy.Rule
	add := func(name string, share float64, fault proxy.Fault) {
		seed := uint64(GinkgoRandomSeed()) + uint64(len(rules))
		rules = append(rules, &proxy.Rule{Name: name, When: proxy.Share(seed, share), Fault: fault})
	}
	// Each is asked about what those before it have left.
	if o.refuses {
		add("refused: 429, come back in a second", 1./8, proxy.Answer(429, time.Second))
		add("refused: 429", 1./7, proxy.Answer(429, 0))
		add("refused: 503, come back in a second", 1./6, proxy.Answer(503, time.Second))
		add("refused: 503", 1./5, proxy.Answer(503, 0))
	}
	if o.slow {
		add("200 ms", 1./4, proxy.Delay(200*time.Millisecond))
		add("500 ms", 1./3, proxy.Delay(500*time.Millisecond))
		add("1 s", 1./2, proxy.Delay(time.Second))
		add("2 s", 1, proxy.Delay(2*time.Second))
	}
	return append(rules, &proxy.Rule{Name: "answered", Fault: proxy.Note()})
}

// fleet is namespaces that one ClusterSegmentationProfile selects, some of which have a SegmentationProfile of their own.
type fleet struct {
	site     *site
	platform *v1alpha1.ClusterSegmentationProfile
	homes    []*home
}

// edits is how many specs a fleet's profiles have one after the other.
const edits = 4

// newFleet makes a fleet without namespaces.
func (s *site) newFleet(ctx context.Context) *fleet {
	GinkgoHelper()
	lastNamespace++
	f := &fleet{site: s, platform: &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("fleet-", lastNamespace)}}}
	Expect(yaml.UnmarshalStrict([]byte(f.spec(edits-1)), &f.platform.Spec)).To(Succeed())
	Expect(s.k8s.Create(ctx, f.platform)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(s.k8s.Delete(ctx, f.platform)).To(Succeed())
		Eventually(func() error { return s.k8s.Get(ctx, client.ObjectKeyFromObject(f.platform), f.platform) }).WithTimeout(backWithin).ShouldNot(Succeed())
	})
	return f
}

// spec returns one of the specs of the ClusterSegmentationProfile.
func (f *fleet) spec(edit int) string {
	return fmt.Sprintf(`
dns: None
namespaceSelector: {matchLabels: {fleet: %[1]s}}
tiers:
- {name: gateway, podSelector: {matchLabels: {role: gateway}}, ports: [{port: %[2]d}]}
- {name: worker, podSelector: {matchLabels: {role: worker-%[2]d}}, ports: [{port: 9090}]}
allow:
- {name: users, from: [{pods: {namespaces: [%[3]s]}}], to: [{tier: gateway}]}
- {name: work, from: [{tier: gateway}], to: [{tier: worker}]}
`, f.platform.Name, 8080+edit, outside)
}

// hasOwn says whether a namespace of a fleet has a profile of its own.
func (f *fleet) hasOwn(number int) bool { return number%4 == 1 }

// join makes namespaces of the fleet, up to this number.
func (f *fleet) join(ctx context.Context, size, edit int) {
	GinkgoHelper()
	for len(f.homes) < size {
		h := f.site.newEmptyHome(ctx)
		label := fmt.Sprintf(`{"metadata": {"labels": {"fleet": %q}}}`, f.platform.Name)
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: h.profile.Namespace}}
		Expect(f.site.k8s.Patch(ctx, ns, client.RawPatch("application/merge-patch+json", []byte(label)))).To(Succeed())
		if f.hasOwn(len(f.homes)) {
			h.create(ctx, specOf(edit))
		}
		f.homes = append(f.homes, h)
	}
}

// edit gives all profiles another spec.
func (f *fleet) edit(ctx context.Context, edit int) {
	GinkgoHelper()
	patch, err := patchOf(f.spec(edit))
	Expect(err).NotTo(HaveOccurred())
	Expect(f.site.k8s.Patch(ctx, f.platform, client.RawPatch("application/merge-patch+json", patch))).To(Succeed())
	for i, h := range f.homes {
		if f.hasOwn(i) {
			h.declare(ctx, specOf(edit))
		}
	}
}

// unready returns an error unless all profiles are ready, and apply to all namespaces.
func (f *fleet) unready(ctx context.Context) error {
	if err := f.site.k8s.Get(ctx, client.ObjectKeyFromObject(f.platform), f.platform); err != nil {
		return err
	}
	errs := []error{unready(f.platform)}
	if c := f.platform.Status.Namespaces; c == nil || int(c.Applied) != len(f.homes) {
		errs = append(errs, fmt.Errorf("%s: applied in %+v, not in %d", f.platform.Name, c, len(f.homes)))
	}
	for i, h := range f.homes {
		if f.hasOwn(i) {
			errs = append(errs, h.ready(ctx))
		}
	}
	return errors.Join(errs...)
}

// expectPolicies fails unless the policies of each namespace are those that the first two had where nothing failed.
func (f *fleet) expectPolicies(ctx context.Context, plain, own map[string]string) {
	GinkgoHelper()
	for i, h := range f.homes {
		want := plain
		if f.hasOwn(i) {
			want = own
		}
		Expect(policiesOf(ctx, h.profile.Namespace)).To(Equal(want), h.profile.Namespace)
	}
}

// endure edits the profiles of a fleet again and again while it grows, all under an overload, and expects that nothing of it
// is lost.
func (f *fleet) endure(ctx context.Context, o overload, operator *replica) account.Account {
	GinkgoHelper()
	f.join(ctx, 2, edits-1)
	Eventually(f.unready).WithArguments(ctx).Should(Succeed())
	plain, own := policiesOf(ctx, f.homes[0].profile.Namespace), policiesOf(ctx, f.homes[1].profile.Namespace)
	Expect(len(own)).To(BeNumerically(">", len(plain)))

	acts, began := len(before.Acts()), time.Now()
	before.SetRules(o.rules()...)
	for edit := range edits {
		f.edit(ctx, edit)
		f.join(ctx, o.namespaces*(edit+1)/edits, edit)
		amid := len(before.Acts()) + o.namespaces
		Eventually(func() int { return len(before.Acts()) }).WithTimeout(backWithin).Should(BeNumerically(">", amid), "it is being worked on")
	}
	edited := time.Now()
	over := edited
	Eventually(func() bool {
		over = time.Now()
		return f.unready(ctx) == nil || over.Sub(began) > o.lasts
	}).WithTimeout(o.lasts + backWithin).Should(BeTrue())
	underway := f.unready(ctx)
	before.SetRules()
	a := account.Account{Test: "the API server " + o.name, Note: fmt.Sprintf("all was done %.1f s after the last edit, while it lasted", over.Sub(edited).Seconds())}
	if underway != nil {
		Eventually(f.unready).WithArguments(ctx).WithTimeout(backWithin).Should(Succeed())
		a.Recoveries = []time.Duration{time.Since(over)}
		a.Note = fmt.Sprintf("it lasted for %.0f s, and not all was done", over.Sub(began).Seconds())
	}
	f.expectPolicies(ctx, plain, own)
	Consistently(f.unready).WithArguments(ctx).Should(Succeed())
	a.Faults = len(actsSince(acts, func(act proxy.Act) bool { return act.Rule != "answered" }))
	if ends := operator.endedByItself(); ends > 0 {
		a.Note += fmt.Sprintf("; the operator ended by itself %d times", ends)
	}
	return a
}

var _ = Describe("An overloaded API server", func() {
	endures := func(ctx context.Context, o overload, args ...string) {
		GinkgoHelper()
		operator := suiteSite().startReplica(ctx, before, args...)
		DeferCleanup(operator.terminate)
		AddReportEntry(account.EntryName, suiteSite().newFleet(ctx).endure(ctx, o, operator))
	}

	It("makes no change be lost when it refuses half of all requests", func(ctx SpecContext) {
		endures(ctx, overload{name: "refuses half of all requests", refuses: true, namespaces: 8, lasts: 20 * time.Second}, "--leader-elect=false")
	})

	for _, o := range largeOverloads() {
		soakIt("makes no change be lost when it "+o.name, func(ctx SpecContext) { endures(ctx, o) })
	}
})
