package faults_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/faults/proxy"
	"firebreak.dev/firebreak/test/random"
)

// crashRule is the name of the rule that lets the operator crash.
const crashRule = "transition: crash"

// group is some lives and the cluster profile over them, the platform. What becomes of the latter is drawn from the seed and the
// number of the group alone. What goes on in one group means nothing to the others.
type group struct {
	number   int
	drawer   random.Drawer
	lives    []*life
	platform *declared
}

// newGroup creates the namespaces of a group. Its cluster profile is not there yet, and is gone when the spec ends.
func newGroup(ctx context.Context, seed uint64, number int, seen client.Reader) *group {
	GinkgoHelper()
	g := &group{number: number, drawer: random.New(seed, uint64(lives+number))}
	p := &declared{Profile: drawProfile(g.drawer, v1alpha1.KindClusterSegmentationProfile), seen: seen}
	p.Key = snapshot.ProfileKey{Kind: v1alpha1.KindClusterSegmentationProfile, Name: fmt.Sprint("platform-", number)}
	p.NamespaceSelector = g.drawNamespaces()
	g.platform = p
	DeferCleanup(func(ctx SpecContext) {
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, p.empty()))).To(Succeed())
		p.there, p.DeletionPolicy = false, v1alpha1.DeletionPolicyRetain
		p.expectSettled(ctx)
	})
	for n := number; n < lives; n += groups {
		g.lives = append(g.lives, newLife(ctx, seed, n, seen))
	}
	return g
}

// drawNamespaces draws a selector of all namespaces of the group, or of those of one team.
func (g *group) drawNamespaces() *v1alpha1.LabelSelector {
	labels := map[string]v1alpha1.LabelValue{"group": v1alpha1.LabelValue(fmt.Sprint("g", g.number))}
	if g.drawer.IntN(3) == 0 {
		labels["team"] = random.OneOf[v1alpha1.LabelValue](g.drawer, "a", "b")
	}
	return &v1alpha1.LabelSelector{MatchLabels: labels}
}

// round lets each namespace change by itself for a while, then all of them by the cluster profile.
func (g *group) round(ctx context.Context) {
	GinkgoHelper()
	sideBySide(g.lives, func(l *life) {
		for range burst {
			l.transit(ctx)
		}
	})
	for range 2 {
		g.settle(ctx, func() {
			if g.drawer.IntN(3) == 0 {
				g.platform.NamespaceSelector = g.drawNamespaces()
			}
			g.platform.change(ctx, g.drawer)
		})
	}
}

// removePlatform deletes the cluster profile and all that it has left.
func (g *group) removePlatform(ctx context.Context) {
	GinkgoHelper()
	next := g.platform.Profile
	// What it may have left when it was deleted comes back to it, and goes with it.
	next.DeletionPolicy, next.Mode = v1alpha1.DeletionPolicyDelete, v1alpha1.ModeEnforce
	g.settle(ctx, func() { g.platform.declare(ctx, next) })
	g.settle(ctx, func() { g.platform.remove(ctx) })
}

// settle does something with the cluster profile, waits for what follows, and looks at it in all namespaces of the group.
func (g *group) settle(ctx context.Context, do func()) {
	GinkgoHelper()
	was := g.platform.text()
	do()
	g.platform.expectSettled(ctx)
	for _, l := range g.lives {
		l.look(ctx, l.describe()+was)
	}
}

// writes are the requests that change something of the group.
func (g *group) writes() proxy.Requests {
	q := proxy.Requests{
		Verbs: proxy.Writes(), Resources: []string{"networkpolicies", "segmentationprofiles", "clustersegmentationprofiles"},
		// What has no namespace may belong to another group.
		Namespaces: []string{""},
	}
	for _, l := range g.lives {
		q.Namespaces = append(q.Namespaces, l.namespace())
	}
	return q
}

// faults lets one write in ten fail, each in one of five ways.
func (g *group) faults(round int) []*proxy.Rule {
	var rules []*proxy.Rule
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
		seed := uint64(GinkgoRandomSeed()) + uint64(1000*g.number+10*round+i)
		rules = append(rules, &proxy.Rule{
			Name: fmt.Sprintf("transition: %s in group %d", fault.name, g.number), Requests: g.writes(), Fault: fault.fault,
			When: proxy.Share(seed, 0.02),
		})
	}
	return rules
}

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
