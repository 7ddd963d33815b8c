package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
)

// Pods keeps of every running pod its addresses and, shared between pods that are alike, only what counting them and
// judging their connections needs: a few hundred bytes a pod, where the API object takes kilobytes. It is safe for
// concurrent use.
type Pods struct {
	mu         sync.Mutex
	namespaces map[string]*podNamespace
	// classes are those of all namespaces, and of pods that are being listed.
	classes map[classKey]*podClass
	// addresses counts the pods of each address: when one goes, its successor may have the address already.
	addresses map[netip.Addr]int
	synced    atomic.Bool
	on        PodEvents
}

// PodEvents are called outside any lock; those that are nil are not.
type PodEvents struct {
	// Counts is called with each namespace whose counts changed.
	Counts func(namespace string)
	// Moved is called with each namespace of which a pod got other addresses and changed in nothing else: most pods have none
	// when they are made.
	Moved func(namespace string)
	// Address is called with each address that became a pod's, or ceased to be one.
	Address func(netip.Addr)
	// Synced is called when all pods have been listed for the first time.
	Synced func()
}

// podNamespace is the running pods of one namespace, and how many of them each class has.
type podNamespace struct {
	pods    map[string]podEntry
	classes map[*podClass]int
}

// podEntry is one pod.
type podEntry struct {
	class     *podClass
	addresses string // joined, as one string takes less room than a slice of them
}

// NewPods returns an empty store.
func NewPods(on PodEvents) *Pods {
	if on.Counts == nil {
		on.Counts = func(string) {}
	}
	if on.Moved == nil {
		on.Moved = func(string) {}
	}
	if on.Address == nil {
		on.Address = func(netip.Addr) {}
	}
	if on.Synced == nil {
		on.Synced = func() {}
	}
	return &Pods{namespaces: map[string]*podNamespace{}, classes: map[classKey]*podClass{}, addresses: map[netip.Addr]int{}, on: on}
}

// podPage is how many pods are read at once where they do not come by a watch: each is some ten kilobytes.
const podPage = 500

// inPages lets a list be read in pages, for which its version must not be given: what the API server has in its cache at version 0, as
// client-go asks first, it sends whole. Without, it is as new as can be.
func inPages(list cache.ListWithContextFunc) cache.ListWithContextFunc {
	return func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		options.ResourceVersion, options.ResourceVersionMatch = "", ""
		return list(ctx, options)
	}
}

// Run fills the store by list and watch until the context ends. The client is one of NewPodClient.
func (p *Pods) Run(ctx context.Context, client cache.Getter) {
	listWatch := cache.NewListWatchFromClient(client, "pods", metav1.NamespaceAll, fields.Everything())
	listWatch.ListWithContextFunc = inPages(listWatch.ListWithContextFunc)
	options := cache.ReflectorOptions{Name: "pods", TypeDescription: "v1.Pod"}
	reflector := cache.NewReflectorWithOptions(listWatch, &watchedPod{}, p, options)
	reflector.WatchListPageSize = podPage
	reflector.RunWithContext(ctx)
}

// Synced says whether all pods have been listed once.
func (p *Pods) Synced() bool { return p.synced.Load() }

// Add implements cache.ReflectorStore.
func (p *Pods) Add(obj any) error { return p.Update(obj) }

// Update implements cache.ReflectorStore.
func (p *Pods) Update(obj any) error {
	return p.change(obj, func(pod *watchedPod) podChange { return p.set(p.hold(pod)) })
}

// Delete implements cache.ReflectorStore.
func (p *Pods) Delete(obj any) error {
	return p.change(obj, func(pod *watchedPod) podChange { return p.remove(pod.meta.Namespace, pod.meta.Name) })
}

// podChange is what a pod's coming or going changed.
type podChange struct {
	counts bool
	// moved: a pod got other addresses, and counts is false.
	moved     bool
	addresses []netip.Addr
}

func (p *Pods) change(obj any, how func(*watchedPod) podChange) error {
	pod, err := asPod(obj)
	if err != nil {
		return err
	}
	p.mu.Lock()
	changed := how(pod)
	p.mu.Unlock()
	switch {
	case changed.counts:
		p.on.Counts(pod.meta.Namespace)
	case changed.moved:
		p.on.Moved(pod.meta.Namespace)
	}
	for _, addr := range changed.addresses {
		p.on.Address(addr)
	}
	return nil
}

// Replace implements cache.ReflectorStore.
func (p *Pods) Replace(list []any, _ string) error {
	changed, moved, err := p.replace(list)
	if err != nil {
		return err
	}
	if first := !p.synced.Swap(true); first {
		p.on.Synced()
		return nil
	}
	for namespace := range changed {
		p.on.Counts(namespace)
	}
	for _, addr := range moved {
		p.on.Address(addr)
	}
	return nil
}

// replace returns the namespaces that had or have pods, and the addresses that became a pod's or ceased to be one.
func (p *Pods) replace(list []any) (changed map[string]bool, moved []netip.Addr, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pods, err := p.holdAll(list)
	if err != nil {
		return nil, nil, err
	}
	changed = map[string]bool{}
	for namespace := range p.namespaces {
		changed[namespace] = true
	}
	before := p.addresses
	p.namespaces, p.classes, p.addresses = map[string]*podNamespace{}, map[classKey]*podClass{}, map[netip.Addr]int{}
	for _, pod := range pods {
		changed[pod.namespace] = true
		p.set(pod)
	}
	return changed, symmetricDifference(before, p.addresses), nil
}

// Resync implements cache.ReflectorStore.
func (p *Pods) Resync() error { return nil }

func asPod(obj any) (*watchedPod, error) {
	pod, ok := obj.(*watchedPod)
	if !ok {
		return nil, fmt.Errorf("pod watch delivered a %T", obj)
	}
	return pod, nil
}

// set puts a pod into its class and notes its addresses. A completed pod is no pod for these purposes.
func (p *Pods) set(pod *heldPod) podChange {
	if pod.class == nil {
		return p.remove(pod.namespace, pod.name)
	}
	ns, ok := p.namespaces[pod.namespace]
	if !ok {
		ns = &podNamespace{pods: map[string]podEntry{}, classes: map[*podClass]int{}}
		p.namespaces[pod.namespace] = ns
	}
	entry, had := ns.pods[pod.name]
	next := podEntry{p.known(pod.class), pod.addresses}
	if had && entry == next {
		return podChange{}
	}
	var changed podChange
	// The new addresses are counted before the old ones are let go, so that one that stays is no change.
	changed.addresses = append(p.gain(pod.addresses), p.lose(entry.addresses)...)
	ns.pods[pod.name] = next
	if had && entry.class == next.class {
		changed.moved = true
		return changed
	}
	p.join(ns, next.class)
	if had {
		p.leave(ns, entry.class)
	}
	changed.counts = true
	return changed
}

func (p *Pods) remove(namespace, name string) podChange {
	ns, ok := p.namespaces[namespace]
	if !ok {
		return podChange{}
	}
	entry, ok := ns.pods[name]
	if !ok {
		return podChange{}
	}
	delete(ns.pods, name)
	p.leave(ns, entry.class)
	if len(ns.pods) == 0 {
		delete(p.namespaces, namespace)
	}
	return podChange{counts: true, addresses: p.lose(entry.addresses)}
}
