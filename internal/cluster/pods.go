package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// Pods keeps of every running pod its addresses and, shared between pods that are alike, only what counting them and
// judging their connections needs: a few hundred bytes a pod, where the API object takes kilobytes. It is safe for
// concurrent use.
type Pods struct {
	mu         sync.Mutex
	namespaces map[string]*podNamespace
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

// podNamespace is the running pods of one namespace, and how many pods each class has.
type podNamespace struct {
	name    string
	pods    map[string]podEntry
	classes map[classKey]*podClass
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
	return &Pods{namespaces: map[string]*podNamespace{}, addresses: map[netip.Addr]int{}, on: on}
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
	return p.change(obj, func(pod *watchedPod) podChange { return p.set(pod) })
}

// Delete implements cache.ReflectorStore.
func (p *Pods) Delete(obj any) error {
	return p.change(obj, func(pod *watchedPod) podChange { return p.remove(pod.key()) })
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
	var pods []*watchedPod
	changed := map[string]bool{}
	for _, obj := range list {
		pod, err := asPod(obj)
		if err != nil {
			return err
		}
		pods = append(pods, pod)
		changed[pod.meta.Namespace] = true
	}
	p.mu.Lock()
	for namespace := range p.namespaces {
		changed[namespace] = true
	}
	before := p.addresses
	p.namespaces, p.addresses = map[string]*podNamespace{}, map[netip.Addr]int{}
	for _, pod := range pods {
		p.set(pod)
	}
	moved := symmetricDifference(before, p.addresses)
	p.mu.Unlock()
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
func (p *Pods) set(pod *watchedPod) podChange {
	if pod.completed() {
		return p.remove(pod.key())
	}
	ns, ok := p.namespaces[pod.meta.Namespace]
	if !ok {
		ns = &podNamespace{name: strings.Clone(pod.meta.Namespace), pods: map[string]podEntry{}, classes: map[classKey]*podClass{}}
		p.namespaces[ns.name] = ns
	}
	read := pod.read()
	key, addresses := classKeyOf(read), pod.joinedAddresses()
	entry, had := ns.pods[pod.meta.Name]
	if had && entry.class.key == key && entry.addresses == addresses {
		return podChange{}
	}
	sameClass := had && entry.class.key == key
	var changed podChange
	// The new addresses are counted before the old ones are let go, so that one that stays is no change.
	changed.addresses = append(p.gain(addresses), p.lose(entry.addresses)...)
	// What is kept is copied: the pod's own strings lie between those that are not kept, and would hold on to the memory of these.
	name, addresses := strings.Clone(pod.meta.Name), strings.Clone(addresses)
	if sameClass {
		ns.pods[name] = podEntry{entry.class, addresses}
		changed.moved = true
		return changed
	}
	if had {
		ns.leave(entry.class)
	}
	ns.pods[name] = podEntry{ns.join(key, read), addresses}
	changed.counts = true
	return changed
}

func (p *Pods) remove(name types.NamespacedName) podChange {
	ns, ok := p.namespaces[name.Namespace]
	if !ok {
		return podChange{}
	}
	entry, ok := ns.pods[name.Name]
	if !ok {
		return podChange{}
	}
	delete(ns.pods, name.Name)
	ns.leave(entry.class)
	if len(ns.pods) == 0 {
		delete(p.namespaces, name.Namespace)
	}
	return podChange{counts: true, addresses: p.lose(entry.addresses)}
}
