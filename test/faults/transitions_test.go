package faults_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
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
	// lives is the number of namespaces that change side by side, and groups the number of cluster profiles over them.
	lives, groups = 8, 2
	// burst is the number of changes in each namespace between those of the cluster profiles.
	burst = 4
)

var _ = Describe("Random transitions", func() {
	It("cut off and open nothing at any write, and end where a fresh install does", func(ctx SpecContext) {
		t := startTransitions(ctx)
		for round := 0; t.mustGoOn(); round++ {
			t.round(ctx, round)
		}
		t.finish(ctx)
	})
})

// transitions are the lives that go on side by side.
type transitions struct {
	operator  *mortal
	drawer    random.Drawer
	lives     []*life
	platforms []*declared
	began     time.Time
	// earlier is what the proxy's rules had done before.
	earlier map[string]int
}

func startTransitions(ctx context.Context) *transitions {
	GinkgoHelper()
	t := &transitions{operator: startMortal(ctx), earlier: before.Counts(), began: time.Now()}
	seed := uint64(GinkgoRandomSeed())
	t.drawer = random.New(seed, lives)
	seen := watchProfiles(ctx)
	createReferences(ctx)
	for group := range groups {
		p := drawProfile(t.drawer, v1alpha1.KindClusterSegmentationProfile)
		p.Key = snapshot.ProfileKey{Kind: v1alpha1.KindClusterSegmentationProfile, Name: fmt.Sprint("platform-", group)}
		p.NamespaceSelector = t.drawNamespaces(group)
		d := &declared{Profile: p, seen: seen}
		t.platforms = append(t.platforms, d)
		DeferCleanup(func(ctx SpecContext) {
			Expect(client.IgnoreNotFound(k8s.Delete(ctx, d.empty()))).To(Succeed())
			d.there, d.DeletionPolicy = false, v1alpha1.DeletionPolicyRetain
			d.expectSettled(ctx)
		})
	}
	for number := range lives {
		t.lives = append(t.lives, newLife(ctx, seed, number, seen))
	}
	return t
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

// drawNamespaces draws a selector of all namespaces of a group, or of those of one team.
func (t *transitions) drawNamespaces(group int) *v1alpha1.LabelSelector {
	labels := map[string]v1alpha1.LabelValue{"group": v1alpha1.LabelValue(fmt.Sprint("g", group))}
	if t.drawer.IntN(3) == 0 {
		labels["team"] = random.OneOf[v1alpha1.LabelValue](t.drawer, "a", "b")
	}
	return &v1alpha1.LabelSelector{MatchLabels: labels}
}

// mustGoOn says whether there have been too few transitions. On a machine that has much else to do there is an end before.
func (t *transitions) mustGoOn() bool {
	seen := t.count().transitions
	if soaking() {
		return seen < 3000
	}
	return seen < 100 || seen < 500 && time.Since(t.began) < time.Minute
}

// round lets each namespace change by itself for a while, then each group by its cluster profile, every other time among
// faults.
func (t *transitions) round(ctx context.Context, round int) {
	GinkgoHelper()
	before.SetRules()
	if round%2 == 1 {
		before.SetRules(t.faults(round)...)
	}
	t.eachLife(func(l *life) {
		for range burst {
			l.transit(ctx)
		}
	})
	for range 2 {
		for group := range groups {
			t.transit(ctx, group)
		}
	}
	Expect(t.operator.ailing()).To(Succeed())
}

// transit changes the cluster profile of a group, and looks at what follows in all namespaces.
func (t *transitions) transit(ctx context.Context, group int) {
	GinkgoHelper()
	platform := t.platforms[group]
	was := map[*life]string{}
	for _, l := range t.lives {
		was[l] = l.describe() + platform.text()
	}
	if t.drawer.IntN(3) == 0 {
		platform.NamespaceSelector = t.drawNamespaces(group)
	}
	platform.change(ctx, t.drawer)
	platform.expectSettled(ctx)
	t.eachLife(func(l *life) { l.look(ctx, was[l]) })
}

// eachLife does something in all namespaces side by side.
func (t *transitions) eachLife(do func(*life)) { sideBySide(t.lives, do) }

// sideBySide does something with each item, and ends the spec when it failed with one.
func sideBySide[T any](items []T, do func(T)) {
	var done atomic.Int32
	var wg sync.WaitGroup
	for _, item := range items {
		wg.Go(func() {
			defer GinkgoRecover()
			do(item)
			done.Add(1)
		})
	}
	wg.Wait()
	Expect(int(done.Load())).To(Equal(len(items)), "the failure is said above")
}

// crashRule is the name of the rule that lets the operator crash.
const crashRule = "transition: crash"

// faults lets one write in ten fail, each in one of five ways, and the operator crash at one of them.
func (t *transitions) faults(round int) []*proxy.Rule {
	requests := proxy.Requests{Verbs: proxy.Writes(), Resources: []string{"networkpolicies", "segmentationprofiles", "clustersegmentationprofiles"}}
	var rules []*proxy.Rule
	if round%4 == 1 {
		crash := random.OneOf(t.drawer, proxy.CrashBefore, proxy.CrashAfterCommit, proxy.CrashAfterReply)
		rules = append(rules, &proxy.Rule{Name: crashRule, Requests: requests, When: proxy.Nth(20 + t.drawer.IntN(40)), Fault: crash(t.operator.crash)})
	}
	for i, fault := range []struct {
		name  string
		fault proxy.Fault
	}{
		{"lost reply", proxy.LoseReply()},
		{"409", proxy.Answer(409, 0)},
		{"429", proxy.Answer(429, 0)},
		{"500", proxy.Answer(500, 0)},
		{"503", proxy.Answer(503, 0)},
	} {
		rules = append(rules, &proxy.Rule{
			Name: "transition: " + fault.name, Requests: requests, Fault: fault.fault,
			When: proxy.Share(uint64(GinkgoRandomSeed())+uint64(10*round+i), 0.02),
		})
	}
	return rules
}

// count adds up what was seen in all lives.
func (t *transitions) count() lifeCounts {
	var all lifeCounts
	for _, l := range t.lives {
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

// finish takes the cluster profiles away, and holds what is left against fresh installs.
func (t *transitions) finish(ctx context.Context) {
	GinkgoHelper()
	before.SetRules()
	for _, platform := range t.platforms {
		was := platform.text()
		next := platform.Profile
		// What it may have left when it was deleted comes back to it, and goes with it.
		next.DeletionPolicy, next.Mode = v1alpha1.DeletionPolicyDelete, v1alpha1.ModeEnforce
		platform.declare(ctx, next)
		platform.expectSettled(ctx)
		t.eachLife(func(l *life) { l.look(ctx, l.describe()+was) })
		platform.remove(ctx)
		platform.expectSettled(ctx)
		t.eachLife(func(l *life) { l.look(ctx, l.describe()+was) })
	}
	t.eachLife(func(l *life) { l.expectAsFresh(ctx) })
	c := t.count()
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

// randomUniverse is every kind of pod that the selectors of package random tell apart.
func randomUniverse(home snapshot.Namespace) *universe {
	u := &universe{home: home}
	u.pods = randomPods(home.Name)
	for name, team := range map[string]string{"shop": "a", "data": "b", "one": "c", "kube-system": ""} {
		ns := snapshot.Namespace{Name: name, Labels: map[string]string{}}
		if team != "" {
			ns.Labels["team"] = team
		}
		u.namespaces = append(u.namespaces, ns)
		u.strangers = append(u.strangers, randomPods(name)...)
	}
	for _, text := range []string{"8.8.8.8", "192.0.2.7", "10.9.9.9", "169.254.20.10", "169.254.169.254", "10.0.0.1", "2001:db8::1", "2606:4700::1", "fd00::1"} {
		u.addresses = append(u.addresses, netip.MustParseAddr(text))
	}
	return u
}

func randomPods(namespace string) []snapshot.Pod {
	http := func(protocol corev1.Protocol, port int32) snapshot.ContainerPort {
		return snapshot.ContainerPort{Name: "http", Protocol: protocol, Port: port}
	}
	var out []snapshot.Pod
	for i, app := range []string{"", "a", "b", "c", "d"} {
		for j, other := range []string{"", "x"} {
			p := snapshot.Pod{Namespace: namespace, Labels: map[string]string{}, Addresses: []netip.Addr{}}
			if app != "" {
				p.Labels["app"] = app
			}
			if other != "" {
				p.Labels["other"] = other
			}
			if (i+j)%2 == 0 {
				p.Ports = []snapshot.ContainerPort{http(corev1.ProtocolTCP, 8080), http(corev1.ProtocolUDP, 53), http(corev1.ProtocolSCTP, 443)}
			}
			out = append(out, p)
		}
	}
	return out
}
