package faults_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
	"firebreak.dev/firebreak/test/random"
)

const (
	// lives is the number of namespaces that change side by side, groups the number of cluster profiles over them. A status
	// comes about once a second at most, so that many must wait at once.
	lives, groups = 16, 4
	// burst is the number of changes in each namespace between those of its cluster profile.
	burst = 4
)

var _ = Describe("Random transitions", func() {
	It("cut off and open nothing at any write, and end where a fresh install does", func(ctx SpecContext) {
		t := startTransitions(ctx)
		sideBySide(t.groups, func(g *group) {
			for round := 0; t.mustGoOn(g); round++ {
				t.letGoWrong(g, round)
				g.round(ctx)
			}
			t.letGoWrong(g, 0)
		})
		t.finish(ctx)
	})
})

// transitions are the groups that change side by side.
type transitions struct {
	operator *mortal
	groups   []*group
	began    time.Time
	// earlier is what the proxy's rules had done before.
	earlier map[string]int

	mu sync.Mutex
	// rules are what goes wrong now, by group.
	rules [groups][]*proxy.Rule
}

func startTransitions(ctx context.Context) *transitions {
	GinkgoHelper()
	t := &transitions{operator: startMortal(ctx), earlier: before.Counts(), began: time.Now()}
	before.SetRules()
	seed := uint64(GinkgoRandomSeed())
	seen := watchProfiles(ctx)
	createReferences(ctx)
	for number := range groups {
		t.groups = append(t.groups, newGroup(ctx, seed, number, seen))
	}
	return t
}

// mustGoOn says whether there have been too few transitions in a group. On a machine that has much else to do there is an end
// before.
func (t *transitions) mustGoOn(g *group) bool {
	Expect(t.operator.ailing()).To(Succeed())
	seen := countIn(g.lives).transitions
	if soaking() {
		return seen < 1000/groups
	}
	return seen < 500/groups && time.Since(t.began) < 5*time.Minute
}

// letGoWrong lets writes for a group fail in every other round: one in ten, each in one of five ways. In some rounds of the first
// group the operator crashes at one of them.
func (t *transitions) letGoWrong(g *group, round int) {
	var rules []*proxy.Rule
	if round%2 == 1 {
		rules = g.faults(round)
	}
	if round%4 == 1 && g.number == 0 {
		crash := random.OneOf(g.drawer, proxy.CrashBefore, proxy.CrashAfterCommit, proxy.CrashAfterReply)
		rules = append(rules, &proxy.Rule{
			Name: crashRule, Requests: g.writes(), When: proxy.Nth(10 + g.drawer.IntN(20)), Fault: crash(t.operator.crash),
		})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rules[g.number] = rules
	before.SetRules(slices.Concat(t.rules[:]...)...)
}

// finish takes the cluster profiles away, and holds what is left against fresh installs.
func (t *transitions) finish(ctx context.Context) {
	GinkgoHelper()
	var all []*life
	for _, g := range t.groups {
		all = append(all, g.lives...)
	}
	sideBySide(t.groups, func(g *group) { g.removePlatform(ctx) })
	sideBySide(all, func(l *life) { l.expectAsFresh(ctx) })
	c := countIn(all)
	faults := 0
	for name, n := range before.Counts() {
		faults += n - t.earlier[name]
	}
	AddReportEntry(account.EntryName, account.Account{
		Test: "random transitions", Faults: faults, Writes: c.writes, Recoveries: c.recoveries,
		Note: fmt.Sprintf("%d transitions in %.0f s, %d of which change what is admitted, at %d of %d kinds of ends; %d moments tangled",
			c.transitions, time.Since(t.began).Seconds(), c.effective, c.changed, c.kinds, c.tangled),
	})
	Expect(c.effective).To(BeNumerically(">", c.transitions/2), "this proves little")
}

// countIn adds up what was seen in lives.
func countIn(lives []*life) lifeCounts {
	var all lifeCounts
	for _, l := range lives {
		c := l.counts
		all.transitions += c.transitions
		all.effective += c.effective
		all.writes += c.writes
		all.tangled += c.tangled
		all.kinds += c.kinds
		all.changed += c.changed
		all.recoveries = append(all.recoveries, c.recoveries...)
	}
	return all
}

// watchProfiles returns what a watch shows of profiles until the spec ends: to ask the API server as often costs more than all
// that is tested.
func watchProfiles(ctx context.Context) client.Reader {
	GinkgoHelper()
	seen, err := cache.New(plane.Config(), cache.Options{Scheme: k8s.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	for _, kind := range []client.Object{&v1alpha1.SegmentationProfile{}, &v1alpha1.ClusterSegmentationProfile{}} {
		_, err := seen.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		Expect(err).NotTo(HaveOccurred())
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- seen.Start(running) }()
	DeferCleanup(func() {
		stop()
		Expect(<-ended).To(Succeed())
	})
	Expect(seen.WaitForCacheSync(ctx)).To(BeTrue())
	return seen
}

// createReferences creates what the profiles refer to in other namespaces, which stays as it is.
func createReferences(ctx context.Context) {
	GinkgoHelper()
	for _, name := range []string{"shop", "data"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": "a"}}}
		Expect(client.IgnoreAlreadyExists(k8s.Create(ctx, ns))).To(Succeed())
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "s0"}}
		s.Spec.Selector = map[string]string{"app": "a"}
		s.Spec.Ports = []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("http")}}
		Expect(client.IgnoreAlreadyExists(k8s.Create(ctx, s))).To(Succeed())
	}
	p := declared{Profile: drawProfile(random.New(1, 1), v1alpha1.KindSegmentationProfile)}
	p.Key = snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "p0"}
	Expect(client.IgnoreAlreadyExists(k8s.Create(ctx, p.object()))).To(Succeed())
}
