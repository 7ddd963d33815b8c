package cluster

import (
	"context"
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"

	"firebreak.dev/firebreak/internal/enforcement"
)

// Plugins keeps what nodes and DaemonSets say of network plugins: a sign for each, and nothing of the objects. It is safe
// for concurrent use.
type Plugins struct {
	mu         sync.Mutex
	nodes      map[string]enforcement.Sign
	daemonSets map[types.NamespacedName]enforcement.Sign
	// nodesKnown and daemonSetsKnown: all have been seen once, or it is known that they may not be.
	nodesKnown, daemonSetsKnown bool
	forbidden                   bool
	verdict                     enforcement.Verdict
	onChange                    func()
}

// NewPlugins returns an empty store. OnChange is called, outside any lock, when the state of the verdict becomes another
// one, and when it is known for the first time; not when only the numbers in its evidence change.
func NewPlugins(onChange func()) *Plugins {
	return &Plugins{
		nodes: map[string]enforcement.Sign{}, daemonSets: map[types.NamespacedName]enforcement.Sign{}, onChange: onChange,
	}
}

// Verdict returns what can be said of network plugins; nil before nodes and DaemonSets have been listed once.
func (p *Plugins) Verdict() *enforcement.Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.nodesKnown || !p.daemonSetsKnown {
		return nil
	}
	verdict := p.verdict
	return &verdict
}

// change makes a change, judges anew if it says that there was one, and tells of what became of it.
func (p *Plugins) change(change func() bool) {
	p.mu.Lock()
	before := p.verdict.State
	if !change() {
		p.mu.Unlock()
		return
	}
	known := p.nodesKnown && p.daemonSetsKnown
	if known {
		p.verdict = enforcement.Judge(p.seen())
	}
	news := known && before != p.verdict.State
	p.mu.Unlock()
	if news {
		p.onChange()
	}
}

func (p *Plugins) seen() enforcement.Seen {
	seen := enforcement.Seen{Nodes: len(p.nodes), DaemonSets: len(p.daemonSets), Forbidden: p.forbidden}
	// Nodes are many, and say few different things.
	distinct := map[enforcement.Sign]bool{{}: true}
	for _, sign := range p.nodes {
		if !distinct[sign] {
			distinct[sign] = true
			seen.Signs = append(seen.Signs, sign)
		}
	}
	for _, sign := range p.daemonSets {
		if sign != (enforcement.Sign{}) {
			seen.Signs = append(seen.Signs, sign)
		}
	}
	return seen
}

// Informer tells of the objects of one kind.
type Informer interface {
	AddEventHandler(handler cache.ResourceEventHandler) (cache.ResourceEventHandlerRegistration, error)
}

// WatchNodes adds what nodes say, and returns when all have been seen once or the context ends.
func (p *Plugins) WatchNodes(ctx context.Context, nodes Informer) error {
	registration, err := nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    p.setNode,
		UpdateFunc: func(_, obj any) { p.setNode(obj) },
		DeleteFunc: p.removeNode,
	})
	if err != nil {
		return fmt.Errorf("watch nodes for network plugins: %w", err)
	}
	if cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		p.nodesListed()
	}
	return nil
}

func (p *Plugins) setNode(obj any) {
	node, ok := obj.(*corev1.Node)
	if !ok {
		return
	}
	sign := enforcement.OfNode(node.Labels, node.Annotations)
	p.change(func() bool { return set(p.nodes, node.Name, sign) })
}

func (p *Plugins) removeNode(obj any) {
	if name, err := cache.DeletionHandlingMetaNamespaceKeyFunc(obj); err == nil {
		p.change(func() bool { return remove(p.nodes, name) })
	}
}

func (p *Plugins) nodesListed() {
	p.change(func() bool {
		first := !p.nodesKnown
		p.nodesKnown = true
		return first
	})
}

// WatchDaemonSets adds what DaemonSets say, by their metadata alone, until the context ends. Where it may not look it tries
// again, and until then nothing can be said.
func (p *Plugins) WatchDaemonSets(ctx context.Context, client metadata.Interface) {
	daemonSets := client.Resource(appsv1.SchemeGroupVersion.WithResource("daemonsets"))
	listWatch := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := daemonSets.List(ctx, options)
			return list, p.noteForbidden(err)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			w, err := daemonSets.Watch(ctx, options)
			return w, p.noteForbidden(err)
		},
	}
	options := cache.ReflectorOptions{Name: "daemonsets", TypeDescription: "v1.DaemonSet"}
	cache.NewReflectorWithOptions(listWatch, &metav1.PartialObjectMetadata{}, daemonSetStore{p}, options).RunWithContext(ctx)
}

func (p *Plugins) noteForbidden(err error) error {
	if apierrors.IsForbidden(err) {
		p.change(func() bool {
			first := !p.forbidden
			p.forbidden, p.daemonSetsKnown = true, true
			return first
		})
	}
	return err
}

// daemonSetStore takes what a watch of DaemonSets delivers.
type daemonSetStore struct {
	plugins *Plugins
}

var _ cache.ReflectorStore = daemonSetStore{}

// Add implements cache.ReflectorStore.
func (s daemonSetStore) Add(obj any) error { return s.Update(obj) }

// Update implements cache.ReflectorStore.
func (s daemonSetStore) Update(obj any) error {
	name, sign, err := signOfDaemonSet(obj)
	if err == nil {
		s.plugins.change(func() bool { return set(s.plugins.daemonSets, name, sign) })
	}
	return err
}

// Delete implements cache.ReflectorStore.
func (s daemonSetStore) Delete(obj any) error {
	name, _, err := signOfDaemonSet(obj)
	if err == nil {
		s.plugins.change(func() bool { return remove(s.plugins.daemonSets, name) })
	}
	return err
}

// Replace implements cache.ReflectorStore.
func (s daemonSetStore) Replace(list []any, _ string) error {
	all := map[types.NamespacedName]enforcement.Sign{}
	for _, obj := range list {
		name, sign, err := signOfDaemonSet(obj)
		if err != nil {
			return err
		}
		all[name] = sign
	}
	s.plugins.change(func() bool {
		s.plugins.daemonSets, s.plugins.daemonSetsKnown, s.plugins.forbidden = all, true, false
		return true
	})
	return nil
}

// Resync implements cache.ReflectorStore.
func (s daemonSetStore) Resync() error { return nil }

func signOfDaemonSet(obj any) (types.NamespacedName, enforcement.Sign, error) {
	meta, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return types.NamespacedName{}, enforcement.Sign{}, fmt.Errorf("daemon set watch delivered a %T", obj)
	}
	return types.NamespacedName{Namespace: meta.Namespace, Name: meta.Name}, enforcement.OfDaemonSet(meta.Namespace, meta.Name, meta.Labels), nil
}

// set puts a sign into a map and says whether that changes it.
func set[K comparable](signs map[K]enforcement.Sign, key K, sign enforcement.Sign) bool {
	before, had := signs[key]
	signs[key] = sign
	return !had || before != sign
}

// remove takes a sign out of a map and says whether it was there.
func remove[K comparable](signs map[K]enforcement.Sign, key K) bool {
	_, had := signs[key]
	delete(signs, key)
	return had
}
