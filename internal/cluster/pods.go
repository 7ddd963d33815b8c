package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"firebreak.dev/firebreak/internal/report"
)

// Pods keeps of every running pod only what counting needs, shared between pods that are alike: a few dozen bytes a pod,
// where the API object takes kilobytes. It is safe for concurrent use.
type Pods struct {
	mu         sync.Mutex
	namespaces map[string]*podNamespace
	synced     atomic.Bool
	onChange   func(namespace string)
	onSynced   func()
}

// podNamespace is the running pods of one namespace: each pod's class, and how many pods each class has.
type podNamespace struct {
	classOf map[string]*podClass
	classes map[string]*podClass
}

// podClass is a class of pods under its key.
type podClass struct {
	report.PodClass
	key string
}

// NewPods returns an empty store. OnChange is called, outside any lock, with each namespace whose counts changed, and
// onSynced when all pods have been listed for the first time.
func NewPods(onChange func(namespace string), onSynced func()) *Pods {
	return &Pods{namespaces: map[string]*podNamespace{}, onChange: onChange, onSynced: onSynced}
}

// Run fills the store by list and watch until the context ends.
func (p *Pods) Run(ctx context.Context, client kubernetes.Interface) {
	listWatch := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "pods", metav1.NamespaceAll, fields.Everything())
	options := cache.ReflectorOptions{Name: "pods", TypeDescription: "v1.Pod"}
	cache.NewReflectorWithOptions(listWatch, &corev1.Pod{}, p, options).RunWithContext(ctx)
}

// Synced says whether all pods have been listed once.
func (p *Pods) Synced() bool { return p.synced.Load() }

// Classes returns the running pods of a namespace by class, without order.
func (p *Pods) Classes(namespace string) []report.PodClass {
	p.mu.Lock()
	defer p.mu.Unlock()
	ns, ok := p.namespaces[namespace]
	if !ok {
		return nil
	}
	out := make([]report.PodClass, 0, len(ns.classes))
	for _, class := range ns.classes {
		out = append(out, class.PodClass)
	}
	return out
}

// Add implements cache.ReflectorStore.
func (p *Pods) Add(obj any) error { return p.Update(obj) }

// Update implements cache.ReflectorStore.
func (p *Pods) Update(obj any) error {
	pod, err := asPod(obj)
	if err != nil {
		return err
	}
	p.mu.Lock()
	changed := p.set(pod)
	p.mu.Unlock()
	if changed {
		p.onChange(pod.Namespace)
	}
	return nil
}

// Delete implements cache.ReflectorStore.
func (p *Pods) Delete(obj any) error {
	pod, err := asPod(obj)
	if err != nil {
		return err
	}
	p.mu.Lock()
	changed := p.remove(types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name})
	p.mu.Unlock()
	if changed {
		p.onChange(pod.Namespace)
	}
	return nil
}

// Replace implements cache.ReflectorStore.
func (p *Pods) Replace(list []any, _ string) error {
	changed := map[string]bool{}
	p.mu.Lock()
	for namespace := range p.namespaces {
		changed[namespace] = true
	}
	p.namespaces = map[string]*podNamespace{}
	for _, obj := range list {
		pod, err := asPod(obj)
		if err != nil {
			p.mu.Unlock()
			return err
		}
		p.set(pod)
		changed[pod.Namespace] = true
	}
	p.mu.Unlock()
	if first := !p.synced.Swap(true); first {
		p.onSynced()
		return nil
	}
	for namespace := range changed {
		p.onChange(namespace)
	}
	return nil
}

// Resync implements cache.ReflectorStore.
func (p *Pods) Resync() error { return nil }

func asPod(obj any) (*corev1.Pod, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return nil, fmt.Errorf("pod watch delivered a %T", obj)
	}
	return pod, nil
}

// set puts a pod into its class and says whether that changes a count. A completed pod is no pod for these purposes.
func (p *Pods) set(pod *corev1.Pod) bool {
	name := types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return p.remove(name)
	}
	ns, ok := p.namespaces[pod.Namespace]
	if !ok {
		ns = &podNamespace{classOf: map[string]*podClass{}, classes: map[string]*podClass{}}
		p.namespaces[pod.Namespace] = ns
	}
	key := classKey(pod)
	if class, ok := ns.classOf[pod.Name]; ok && class.key == key {
		return false
	}
	p.remove(name)
	p.namespaces[pod.Namespace] = ns
	class, ok := ns.classes[key]
	if !ok {
		class = &podClass{key: key, PodClass: report.PodClass{Labels: maps.Clone(pod.Labels), HostNetwork: pod.Spec.HostNetwork}}
		ns.classes[key] = class
	}
	ns.classOf[pod.Name] = class
	class.Count++
	return true
}

func (p *Pods) remove(name types.NamespacedName) bool {
	ns, ok := p.namespaces[name.Namespace]
	if !ok {
		return false
	}
	class, ok := ns.classOf[name.Name]
	if !ok {
		return false
	}
	delete(ns.classOf, name.Name)
	if class.Count--; class.Count == 0 {
		delete(ns.classes, class.key)
	}
	if len(ns.classOf) == 0 {
		delete(p.namespaces, name.Namespace)
	}
	return true
}

// classKey is equal for pods of equal labels and network.
func classKey(pod *corev1.Pod) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%t", pod.Spec.HostNetwork)
	for _, k := range slices.Sorted(maps.Keys(pod.Labels)) {
		// Neither keys nor values may contain these characters.
		b.WriteString("\x00" + k + "=" + pod.Labels[k])
	}
	return b.String()
}
