package cluster

import (
	"cmp"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/report"
)

// pod returns a running pod of namespace shop with label app.
func pod(name, app string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"app": app}}}
	p.Status.Phase = corev1.PodRunning
	return p
}

func with(p *corev1.Pod, change func(*corev1.Pod)) *corev1.Pod {
	change(p)
	return p
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
		"one more of the class": {func(p *Pods) error { return p.Add(pod("c", "web")) }, []string{"app=web host=false 3"}, 1},
		"one of another class":  {func(p *Pods) error { return p.Add(pod("c", "db")) }, []string{"app=db host=false 1", "app=web host=false 2"}, 1},
		"one on the host network": {func(p *Pods) error {
			return p.Add(with(pod("c", "web"), func(p *corev1.Pod) { p.Spec.HostNetwork = true }))
		}, []string{"app=web host=false 2", "app=web host=true 1"}, 1},
		"one that waits to be scheduled": {func(p *Pods) error { return p.Add(with(pod("c", "web"), completed(corev1.PodPending))) }, []string{"app=web host=false 3"}, 1},
		"one that has completed":         {func(p *Pods) error { return p.Add(with(pod("c", "web"), completed(corev1.PodSucceeded))) }, []string{"app=web host=false 2"}, 0},
		"one completes":                  {func(p *Pods) error { return p.Update(with(pod("a", "web"), completed(corev1.PodSucceeded))) }, []string{"app=web host=false 1"}, 1},
		"one fails":                      {func(p *Pods) error { return p.Update(with(pod("a", "web"), completed(corev1.PodFailed))) }, []string{"app=web host=false 1"}, 1},
		"a label changes":                {func(p *Pods) error { return p.Update(pod("a", "db")) }, []string{"app=db host=false 1", "app=web host=false 1"}, 1},
		"a label comes": {func(p *Pods) error {
			return p.Update(with(pod("a", "web"), func(p *corev1.Pod) { p.Labels["x"] = "y" }))
		}, []string{"app=web host=false 1", "app=web host=false 1"}, 1},
		"something else changes": {func(p *Pods) error {
			return p.Update(with(pod("a", "web"), func(p *corev1.Pod) { p.Status.PodIP = "10.0.0.1" }))
		}, []string{"app=web host=false 2"}, 0},
		"one goes":                         {func(p *Pods) error { return p.Delete(pod("a", "web")) }, []string{"app=web host=false 1"}, 1},
		"one goes that was changed unseen": {func(p *Pods) error { return p.Delete(pod("a", "db")) }, []string{"app=web host=false 1"}, 1},
		"one goes that was never there":    {func(p *Pods) error { return p.Delete(pod("x", "web")) }, []string{"app=web host=false 2"}, 0},
		"the last of a class goes":         {func(p *Pods) error { return cmp.Or(p.Add(pod("c", "db")), p.Delete(pod("c", "db"))) }, []string{"app=web host=false 2"}, 2},
		"all go":                           {func(p *Pods) error { return cmp.Or(p.Delete(pod("a", "web")), p.Delete(pod("b", "web"))) }, nil, 2},
		"others are listed":                {func(p *Pods) error { return p.Replace([]any{pod("c", "db")}, "9") }, []string{"app=db host=false 1"}, 1},
		"none is listed":                   {func(p *Pods) error { return p.Replace(nil, "9") }, nil, 1},
		"a name in another namespace is another pod": {func(p *Pods) error {
			return p.Add(with(pod("a", "web"), func(p *corev1.Pod) { p.Namespace = "other" }))
		}, []string{"app=web host=false 2"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			changes := 0
			pods := NewPods(func(string) { changes++ }, func() {})
			if err := pods.Replace([]any{pod("a", "web"), pod("b", "web")}, "1"); err != nil {
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

func TestTheFirstListIsTold(t *testing.T) {
	synced := 0
	pods := NewPods(func(string) {}, func() { synced++ })
	if pods.Synced() {
		t.Error("known before they were listed")
	}
	for range 2 {
		if err := pods.Replace([]any{pod("a", "web")}, "1"); err != nil || !pods.Synced() {
			t.Errorf("listed, and synced is %t: %v", pods.Synced(), err)
		}
	}
	if synced != 1 {
		t.Errorf("told %d times", synced)
	}
}

func TestSomethingThatIsNoPodIsAnError(t *testing.T) {
	pods := NewPods(func(string) {}, func() {})
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
	pods := NewPods(func(string) {}, func() {})
	original := pod("a", "web")
	if err := pods.Add(original); err != nil {
		t.Fatal(err)
	}
	original.Labels["app"] = "changed"
	pods.Classes("shop")[0].Count = 9
	if want := []report.PodClass{{Labels: map[string]string{"app": "web"}, Count: 1}}; !reflect.DeepEqual(pods.Classes("shop"), want) {
		t.Errorf("got %v", pods.Classes("shop"))
	}
}

func TestPodsFromManySides(t *testing.T) {
	pods := NewPods(func(string) {}, func() {})
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 200 {
				p := pod(fmt.Sprint(worker, "-", i), fmt.Sprint(i%3))
				if err := cmp.Or(pods.Add(p), pods.Update(pod(p.Name, "x"))); err != nil {
					t.Error(err)
				}
				pods.Classes("shop")
				if err := pods.Delete(p); err != nil {
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

// BenchmarkPodsMemory reports what the store keeps of each pod, in bytes: of 100,000 pods in 100 namespaces, ten alike
// each, with the labels that Deployments give.
func BenchmarkPodsMemory(b *testing.B) {
	const total = 100_000
	for b.Loop() {
		before := heap()
		pods := NewPods(func(string) {}, func() {})
		for i := range total {
			app := fmt.Sprintf("application-%d", i/10%100)
			err := pods.Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("%s-5d8f7c9b6d-%05d", app, i), Namespace: fmt.Sprintf("namespace-%d", i/1000),
				Labels: map[string]string{"app.kubernetes.io/name": app, "app.kubernetes.io/part-of": "shop", "pod-template-hash": "5d8f7c9b6d"},
			}})
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
