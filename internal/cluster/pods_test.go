package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/snapshot"
)

// pod returns a running pod of namespace shop with label app, which the StatefulSet "set" made.
func pod(name, app string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"app": app}}}
	p.OwnerReferences = madeBy("StatefulSet", "set")
	p.Status.Phase = corev1.PodRunning
	return p
}

func madeBy(kind, name string) []metav1.OwnerReference {
	return []metav1.OwnerReference{{Kind: kind, Name: name, Controller: new(true)}}
}

func with(p *corev1.Pod, change func(*corev1.Pod)) *corev1.Pod {
	change(p)
	return p
}

// sent returns a pod as the store receives it from the API server.
func sent(p *corev1.Pod) *watchedPod {
	data, err := p.Marshal()
	if err != nil {
		panic(err)
	}
	out := &watchedPod{}
	if err := out.Unmarshal(data); err != nil {
		panic(err)
	}
	return out
}

// counts are the classes of a namespace in short, sorted: "app=web host=false 2".
func counts(pods *Pods, namespace string) []string {
	var out []string
	for _, c := range pods.Classes(namespace) {
		out = append(out, fmt.Sprintf("app=%s host=%t %d", c.Labels["app"], c.HostNetwork, c.Count))
	}
	slices.Sort(out)
	return out
}

func TestPodsAreCountedByClass(t *testing.T) {
	completed := func(phase corev1.PodPhase) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.Phase = phase }
	}
	for name, c := range map[string]struct {
		do func(*Pods) error
		// want are the counts after two pods web and what is done.
		want []string
		// changes is how often what is done changes a count.
		changes int
	}{
		"nothing happens":       {func(*Pods) error { return nil }, []string{"app=web host=false 2"}, 0},
		"one more of the class": {func(p *Pods) error { return p.Add(sent(pod("c", "web"))) }, []string{"app=web host=false 3"}, 1},
		"one of another class":  {func(p *Pods) error { return p.Add(sent(pod("c", "db"))) }, []string{"app=db host=false 1", "app=web host=false 2"}, 1},
		"one on the host network": {func(p *Pods) error {
			return p.Add(sent(with(pod("c", "web"), func(p *corev1.Pod) { p.Spec.HostNetwork = true })))
		}, []string{"app=web host=false 2", "app=web host=true 1"}, 1},
		"one that waits to be scheduled": {func(p *Pods) error { return p.Add(sent(with(pod("c", "web"), completed(corev1.PodPending)))) }, []string{"app=web host=false 3"}, 1},
		"one that has completed":         {func(p *Pods) error { return p.Add(sent(with(pod("c", "web"), completed(corev1.PodSucceeded)))) }, []string{"app=web host=false 2"}, 0},
		"one completes":                  {func(p *Pods) error { return p.Update(sent(with(pod("a", "web"), completed(corev1.PodSucceeded)))) }, []string{"app=web host=false 1"}, 1},
		"one fails":                      {func(p *Pods) error { return p.Update(sent(with(pod("a", "web"), completed(corev1.PodFailed)))) }, []string{"app=web host=false 1"}, 1},
		"a label changes":                {func(p *Pods) error { return p.Update(sent(pod("a", "db"))) }, []string{"app=db host=false 1", "app=web host=false 1"}, 1},
		"a label comes": {func(p *Pods) error {
			return p.Update(sent(with(pod("a", "web"), func(p *corev1.Pod) { p.Labels["x"] = "y" })))
		}, []string{"app=web host=false 1", "app=web host=false 1"}, 1},
		"something else changes": {func(p *Pods) error {
			return p.Update(sent(with(pod("a", "web"), func(p *corev1.Pod) { p.Status.PodIP = "10.0.0.1" })))
		}, []string{"app=web host=false 2"}, 0},
		"one goes":                         {func(p *Pods) error { return p.Delete(sent(pod("a", "web"))) }, []string{"app=web host=false 1"}, 1},
		"one goes that was changed unseen": {func(p *Pods) error { return p.Delete(sent(pod("a", "db"))) }, []string{"app=web host=false 1"}, 1},
		"one goes that was never there":    {func(p *Pods) error { return p.Delete(sent(pod("x", "web"))) }, []string{"app=web host=false 2"}, 0},
		"the last of a class goes":         {func(p *Pods) error { return cmp.Or(p.Add(sent(pod("c", "db"))), p.Delete(sent(pod("c", "db")))) }, []string{"app=web host=false 2"}, 2},
		"all go":                           {func(p *Pods) error { return cmp.Or(p.Delete(sent(pod("a", "web"))), p.Delete(sent(pod("b", "web")))) }, nil, 2},
		"others are listed":                {func(p *Pods) error { return p.Replace([]any{sent(pod("c", "db"))}, "9") }, []string{"app=db host=false 1"}, 1},
		"none is listed":                   {func(p *Pods) error { return p.Replace(nil, "9") }, nil, 1},
		"a name in another namespace is another pod": {func(p *Pods) error {
			return p.Add(sent(with(pod("a", "web"), func(p *corev1.Pod) { p.Namespace = "other" })))
		}, []string{"app=web host=false 2"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			changes := 0
			pods := NewPods(PodEvents{Counts: func(string) { changes++ }})
			if err := pods.Replace([]any{sent(pod("a", "web")), sent(pod("b", "web"))}, "1"); err != nil {
				t.Fatal(err)
			}
			changes = 0
			if err := c.do(pods); err != nil {
				t.Fatal(err)
			}
			if got := counts(pods, "shop"); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if changes != c.changes {
				t.Errorf("%d changes were told, want %d", changes, c.changes)
			}
		})
	}
}

func TestAClassIsKeptOnceAndGoesWithItsLastPod(t *testing.T) {
	elsewhere := func(p *corev1.Pod) { p.Namespace = "other" }
	pods := NewPods(PodEvents{})
	hold := pods.Transformer()
	// This list never ends: another one takes its place.
	if _, err := hold(sent(pod("x", "cache"))); err != nil {
		t.Fatal(err)
	}
	var list []any
	for _, p := range []*corev1.Pod{pod("a", "web"), with(pod("a", "web"), elsewhere), with(pod("d", "db"), elsewhere)} {
		held, err := hold(sent(p))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, held)
	}
	// A page of a list comes as it was received.
	list = append(list, sent(pod("b", "web")), sent(with(pod("c", "web"), func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })))
	if err := pods.Replace(list, "1"); err != nil {
		t.Fatal(err)
	}
	has := func(when string, classes int, shop, other []string) {
		t.Helper()
		if s, o := counts(pods, "shop"), counts(pods, "other"); len(pods.classes) != classes || !slices.Equal(s, shop) || !slices.Equal(o, other) {
			t.Errorf("%s: %d classes, %q and %q", when, len(pods.classes), s, o)
		}
	}
	web, db := "app=web host=false ", "app=db host=false 1"
	has("listed", 2, []string{web + "2"}, []string{db, web + "1"})
	for _, step := range []struct {
		when        string
		how         func(any) error
		pod         *corev1.Pod
		classes     int
		shop, other []string
	}{
		{"one of two goes", pods.Delete, pod("a", "web"), 2, []string{web + "1"}, []string{db, web + "1"}},
		{"the last of a namespace goes", pods.Delete, pod("b", "web"), 2, nil, []string{db, web + "1"}},
		{"one becomes like another", pods.Update, with(pod("d", "web"), elsewhere), 1, nil, []string{web + "2"}},
		{"one is like no other any more", pods.Update, with(pod("d", "cache"), elsewhere), 2, nil, []string{"app=cache host=false 1", web + "1"}},
		{"the last that was like it goes", pods.Delete, with(pod("a", "web"), elsewhere), 1, nil, []string{"app=cache host=false 1"}},
	} {
		if err := step.how(sent(step.pod)); err != nil {
			t.Fatal(err)
		}
		has(step.when, step.classes, step.shop, step.other)
	}
	if err := pods.Replace([]any{sent(pod("a", "db"))}, "2"); err != nil {
		t.Fatal(err)
	}
	has("listed anew", 1, []string{db}, nil)
	// The class of web goes with one pod, and is needed again for another.
	list = nil
	for _, p := range []*corev1.Pod{pod("a", "web"), pod("a", "db"), with(pod("a", "web"), elsewhere)} {
		held, err := hold(sent(p))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, held)
	}
	if err := errors.Join(pods.Replace(list, "3"), pods.Add(sent(with(pod("b", "web"), elsewhere)))); err != nil {
		t.Fatal(err)
	}
	has("a pod twice in a list", 2, []string{db}, []string{web + "2"})
}

func TestAListWithSomethingThatIsNoPodIsRefusedAsAWhole(t *testing.T) {
	pods := storeOf(t, pod("a", "web"))
	other, err := pods.Transformer()(&corev1.Pod{})
	if err != nil {
		t.Fatal("client-go would leave it out of the list")
	}
	held, err := pods.Transformer()(sent(pod("b", "db")))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := pods.Transformer()(held); err != nil || again != held {
		t.Errorf("what is held already becomes %v, %v", again, err)
	}
	if err := pods.Replace([]any{held, other}, "2"); err == nil || pods.Synced() {
		t.Errorf("it was taken: %v", err)
	}
	if got := counts(pods, "shop"); !slices.Equal(got, []string{"app=web host=false 1"}) {
		t.Errorf("and changed %q", got)
	}
}

func TestTheFirstListIsTold(t *testing.T) {
	synced := 0
	pods := NewPods(PodEvents{Synced: func() { synced++ }})
	if pods.Synced() {
		t.Error("known before they were listed")
	}
	for range 2 {
		if err := pods.Replace([]any{sent(pod("a", "web"))}, "1"); err != nil || !pods.Synced() {
			t.Errorf("listed, and synced is %t: %v", pods.Synced(), err)
		}
	}
	if synced != 1 {
		t.Errorf("told %d times", synced)
	}
}

func TestSomethingThatIsNoPodIsAnError(t *testing.T) {
	pods := NewPods(PodEvents{})
	for _, err := range []error{pods.Add("x"), pods.Update(nil), pods.Delete(&corev1.Node{}), pods.Replace([]any{1}, "1")} {
		if err == nil {
			t.Error("taken for a pod")
		}
	}
	if pods.Synced() {
		t.Error("a list that cannot be read is no list")
	}
}

func TestWhatIsHandedOutIsACopy(t *testing.T) {
	pods := NewPods(PodEvents{})
	original := sent(pod("a", "web"))
	if err := pods.Add(original); err != nil {
		t.Fatal(err)
	}
	original.meta.Labels["app"] = "changed"
	pods.Classes("shop")[0].Count = 9
	want := []snapshot.Pod{{Namespace: "shop", Labels: map[string]string{"app": "web"}, Workload: snapshot.Workload{Kind: "StatefulSet", Name: "set"}, Count: 1}}
	if !reflect.DeepEqual(pods.Classes("shop"), want) {
		t.Errorf("got %v", pods.Classes("shop"))
	}
}

func TestPodsFromManySides(t *testing.T) {
	pods := NewPods(PodEvents{})
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 200 {
				p := pod(fmt.Sprint(worker, "-", i), fmt.Sprint(i%3))
				if err := cmp.Or(pods.Add(sent(p)), pods.Update(sent(pod(p.Name, "x")))); err != nil {
					t.Error(err)
				}
				pods.Classes("shop")
				if err := pods.Delete(sent(p)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if got := pods.Classes("shop"); got != nil {
		t.Errorf("left: %v", got)
	}
}

func TestAddressesOfPods(t *testing.T) {
	at := func(name string, ips ...string) *corev1.Pod {
		return with(pod(name, "web"), func(p *corev1.Pod) {
			for _, ip := range ips {
				p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: ip})
			}
		})
	}
	onHost := func(p *corev1.Pod) { p.Spec.HostNetwork = true }
	done := func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }
	for name, c := range map[string]struct {
		do func(*Pods) error
		// want are the addresses then, and told those of which a change was told.
		want, told []string
	}{
		"nothing happens":            {func(*Pods) error { return nil }, []string{"10.0.0.1", "10.0.0.2", "fd00::2"}, nil},
		"a pod gets its address":     {func(p *Pods) error { return cmp.Or(p.Add(sent(pod("c", "web"))), p.Update(sent(at("c", "10.0.0.3")))) }, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::2"}, []string{"10.0.0.3"}},
		"a pod goes":                 {func(p *Pods) error { return p.Delete(sent(at("b"))) }, []string{"10.0.0.1"}, []string{"10.0.0.2", "fd00::2"}},
		"a pod completes":            {func(p *Pods) error { return p.Update(sent(with(at("a", "10.0.0.1"), done))) }, []string{"10.0.0.2", "fd00::2"}, []string{"10.0.0.1"}},
		"a pod gets another address": {func(p *Pods) error { return p.Update(sent(at("a", "10.0.0.9"))) }, []string{"10.0.0.2", "10.0.0.9", "fd00::2"}, []string{"10.0.0.1", "10.0.0.9"}},
		"a pod loses one of two":     {func(p *Pods) error { return p.Update(sent(at("b", "10.0.0.2"))) }, []string{"10.0.0.1", "10.0.0.2"}, []string{"fd00::2"}},
		"labels change and addresses stay": {func(p *Pods) error {
			return p.Update(sent(with(at("a", "10.0.0.1"), func(p *corev1.Pod) { p.Labels["app"] = "db" })))
		}, []string{"10.0.0.1", "10.0.0.2", "fd00::2"}, nil},
		"the host network has none":                     {func(p *Pods) error { return p.Add(sent(with(at("c", "192.168.0.1"), onHost))) }, []string{"10.0.0.1", "10.0.0.2", "fd00::2"}, nil},
		"a successor comes before its predecessor goes": {func(p *Pods) error { return cmp.Or(p.Add(sent(at("c", "10.0.0.1"))), p.Delete(sent(at("a")))) }, []string{"10.0.0.1", "10.0.0.2", "fd00::2"}, nil},
		"IPv4 in IPv6 clothes is IPv4":                  {func(p *Pods) error { return p.Add(sent(at("c", "::ffff:10.0.0.3"))) }, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::2"}, []string{"10.0.0.3"}},
		"others are listed": {func(p *Pods) error {
			return p.Replace([]any{sent(at("a", "10.0.0.1")), sent(at("c", "10.0.0.3"))}, "9")
		}, []string{"10.0.0.1", "10.0.0.3"}, []string{"10.0.0.2", "10.0.0.3", "fd00::2"}},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			pods := NewPods(PodEvents{Address: func(a netip.Addr) { told = append(told, a.String()) }})
			if err := pods.Replace([]any{sent(at("a", "10.0.0.1")), sent(at("b", "10.0.0.2", "fd00::2"))}, "1"); err != nil || len(told) > 0 {
				t.Fatal(err, told)
			}
			if err := c.do(pods); err != nil {
				t.Fatal(err)
			}
			var have []string
			for _, ip := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9", "192.168.0.1", "fd00::2"} {
				if pods.HasAddress(netip.MustParseAddr(ip)) {
					have = append(have, ip)
				}
			}
			slices.Sort(told)
			if !slices.Equal(have, c.want) || !slices.Equal(told, c.told) {
				t.Errorf("have %v, want %v; told %v, want %v", have, c.want, told, c.told)
			}
		})
	}
}

// BenchmarkPodsMemory reports what the store keeps of each pod, in bytes: of 100,000 pods in 100 namespaces, ten alike
// each, with the labels that Deployments give and two ports.
func BenchmarkPodsMemory(b *testing.B) {
	const total = 100_000
	for b.Loop() {
		before := heap()
		pods := NewPods(PodEvents{})
		for i := range total {
			app := fmt.Sprintf("application-%d", i/10%100)
			err := pods.Add(sent(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("%s-5d8f7c9b6d-%05d", app, i), Namespace: fmt.Sprintf("namespace-%d", i/1000),
				Labels:          map[string]string{"app.kubernetes.io/name": app, "app.kubernetes.io/part-of": "shop", "pod-template-hash": "5d8f7c9b6d"},
				OwnerReferences: madeBy("ReplicaSet", app+"-5d8f7c9b6d"),
			}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{
				{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}, {Name: "metrics", ContainerPort: 9090, Protocol: corev1.ProtocolTCP},
			}}}}, Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)}}}}))
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/total, "B/pod")
		runtime.KeepAlive(pods)
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
