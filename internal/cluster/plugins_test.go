package cluster

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"

	"firebreak.dev/firebreak/internal/enforcement"
)

// node returns a node of k3s, started with these arguments, or of something else.
func node(name, k3sArgs string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if k3sArgs != "" {
		n.Annotations = map[string]string{"k3s.io/node-args": k3sArgs}
	}
	return n
}

func daemonSet(name string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name}}
}

func TestPluginsAreJudgedAnewWhenNodesOrDaemonSetsChange(t *testing.T) {
	const none = "NotSeen among 2 nodes and 1 DaemonSet"
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "daemonsets"}, "", nil)
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	for name, c := range map[string]struct {
		do   func(*Plugins, daemonSetStore)
		want string
		// news is how often what is done changes the state.
		news int
	}{
		"nothing happens":           {func(*Plugins, daemonSetStore) {}, none, 0},
		"an enforcing plugin comes": {func(_ *Plugins, s daemonSetStore) { must(s.Add(daemonSet("cilium"))) }, "EnforcerSeen ", 1},
		"one comes and goes": {func(_ *Plugins, s daemonSetStore) {
			must(s.Add(daemonSet("cilium")))
			must(s.Delete(daemonSet("cilium")))
		}, none, 2},
		"one comes twice": {func(_ *Plugins, s daemonSetStore) {
			must(s.Add(daemonSet("cilium")))
			must(s.Update(daemonSet("cilium")))
		}, "EnforcerSeen ", 1},
		"two come and one goes": {func(_ *Plugins, s daemonSetStore) {
			must(s.Add(daemonSet("cilium")))
			must(s.Add(daemonSet("canal")))
			must(s.Delete(daemonSet("cilium")))
		}, "EnforcerSeen ", 1},
		"another DaemonSet comes":       {func(_ *Plugins, s daemonSetStore) { must(s.Add(daemonSet("logs"))) }, "NotSeen among 2 nodes and 2 DaemonSets", 0},
		"one goes that was never there": {func(_ *Plugins, s daemonSetStore) { must(s.Delete(daemonSet("x"))) }, none, 0},
		"others are listed":             {func(_ *Plugins, s daemonSetStore) { must(s.Replace([]any{daemonSet("cilium")}, "9")) }, "EnforcerSeen ", 1},
		"another node comes":            {func(p *Plugins, _ daemonSetStore) { p.setNode(node("c", "")) }, "NotSeen among 3 nodes and 1 DaemonSet", 0},
		"a node is heard of again":      {func(p *Plugins, _ daemonSetStore) { p.setNode(node("a", "")) }, none, 0},
		"a node turns out to be of k3s": {func(p *Plugins, _ daemonSetStore) { p.setNode(node("a", `["server"]`)) }, "EnforcerSeen ", 1},
		"a server of k3s enforces no more": {func(p *Plugins, _ daemonSetStore) {
			p.setNode(node("a", `["agent"]`))
			p.setNode(node("b", `["server","--disable-network-policy"]`))
		}, "NotSeen among 2 nodes and 1 DaemonSet, and by itself this does not enforce them: k3s (with --disable-network-policy, says annotation k3s.io/node-args of nodes)", 2},
		"all nodes go":       {func(p *Plugins, _ daemonSetStore) { p.removeNode(node("a", "")); p.removeNode(node("b", "")) }, "Unknown ", 1},
		"a node goes unseen": {func(p *Plugins, _ daemonSetStore) { p.removeNode(cache.DeletedFinalStateUnknown{Key: "a"}) }, "NotSeen among 1 node and 1 DaemonSet", 0},
		"looking is not allowed any more": {func(p *Plugins, _ daemonSetStore) {
			_ = p.noteForbidden(forbidden)
			_ = p.noteForbidden(forbidden)
		}, "Unknown ", 1},
		"it is allowed again": {func(p *Plugins, s daemonSetStore) {
			_ = p.noteForbidden(forbidden)
			must(s.Replace([]any{daemonSet("kube-proxy")}, "9"))
		}, none, 2},
		"the API server does not answer": {func(p *Plugins, _ daemonSetStore) { _ = p.noteForbidden(fmt.Errorf("no answer")) }, none, 0},
	} {
		t.Run(name, func(t *testing.T) {
			news := 0
			p := NewPlugins(func() { news++ })
			s := daemonSetStore{p}
			p.setNode(node("a", ""))
			p.setNode(node("b", ""))
			p.nodesListed()
			if p.Verdict() != nil || news != 0 {
				t.Fatalf("before DaemonSets are listed: %v, %d news", p.Verdict(), news)
			}
			must(s.Replace([]any{daemonSet("kube-proxy")}, "1"))
			if got := told(p); got != none || news != 1 {
				t.Fatalf("at first: %s, %d news", got, news)
			}
			c.do(p, s)
			if got := told(p); got != c.want || news-1 != c.news {
				t.Errorf("got %s, %d news\nwant %s, %d news", got, news-1, c.want, c.news)
			}
		})
	}
}

func told(p *Plugins) string {
	verdict := p.Verdict()
	if verdict == nil {
		return "nothing"
	}
	return string(verdict.State) + " " + verdict.Evidence
}

func TestNothingIsSaidBeforeNodesAreListed(t *testing.T) {
	p := NewPlugins(func() { t.Error("there are no news") })
	if err := (daemonSetStore{p}).Replace([]any{daemonSet("kube-proxy")}, "1"); err != nil {
		t.Fatal(err)
	}
	if got := told(p); got != "nothing" {
		t.Errorf("said %s", got)
	}
}

func TestWhatIsNoDaemonSetIsAnError(t *testing.T) {
	s := daemonSetStore{NewPlugins(func() {})}
	for name, err := range map[string]error{"add": s.Add(1), "update": s.Update(1), "delete": s.Delete(1), "replace": s.Replace([]any{1}, "")} {
		if err == nil {
			t.Errorf("%s took a number", name)
		}
	}
}

func TestOfManyNodesLittleIsKept(t *testing.T) {
	p := NewPlugins(func() {})
	for i := range 5000 {
		n := node(fmt.Sprint(i), `["agent","--token","secret"]`)
		n.Labels = map[string]string{"kubernetes.io/hostname": n.Name}
		p.setNode(n)
	}
	if signs := p.seen().Signs; len(signs) != 1 || signs[0] != (enforcement.Sign{Plugin: "k3s", Meaning: enforcement.Enforces, Where: "annotation k3s.io/node-args of nodes"}) {
		t.Errorf("signs %v", signs)
	}
}

// informer is one that has told of its objects.
type informer struct {
	cache.ResourceEventHandlerRegistration
	objects []any
}

func (i informer) AddEventHandler(h cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error) {
	for _, obj := range i.objects {
		h.OnAdd(obj, true)
	}
	return i, nil
}

func (informer) HasSynced() bool { return true }

func TestNodesOfAnInformerAreKnownWhenAllWereSeen(t *testing.T) {
	p := NewPlugins(func() {})
	if err := (daemonSetStore{p}).Replace(nil, "1"); err != nil {
		t.Fatal(err)
	}
	if err := p.WatchNodes(context.Background(), informer{objects: []any{node("a", ""), node("b", "")}}); err != nil {
		t.Fatal(err)
	}
	if got, want := told(p), "NotSeen among 2 nodes and 0 DaemonSets"; got != want {
		t.Errorf("said %s, want %s", got, want)
	}
}
