package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"firebreak.dev/firebreak/internal/inventory"
)

// Place is where objects are looked for: a kind, by its plural name, in a namespace or, when that is empty, in all. Objects
// that are in no namespace can be chosen by their Name.
type Place struct {
	Plural, Namespace, Name string
}

// Sight is what was seen of a cluster, place by place, and goes on without what may not be seen. One that follows the cluster
// keeps what it saw current. It may be used side by side.
type Sight struct {
	c client.WithWatch
	// changed is told of every change; nil when the cluster is not followed.
	changed func()

	mu     sync.Mutex
	places map[Place]place

	failing failures
}

// failures are the places that cannot be watched at the moment, and why.
type failures struct {
	mu sync.Mutex
	at map[Place]error
}

func (f *failures) set(at Place, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.at, at)
		return
	}
	f.at[at] = err
}

// place is what was seen at a Place.
type place struct {
	objects func() []inventory.Object
	// err is why nothing was.
	err error
}

// NewSight returns a Sight of a cluster at this moment.
func NewSight(c client.WithWatch) *Sight {
	return &Sight{c: c, places: map[Place]place{}, failing: failures{at: map[Place]error{}}}
}

// Following returns a Sight that watches what it has seen. The function is called after every change, also of Failing, from
// any goroutine, and must return at once. What begins to be watched in See ends with its context.
func Following(c client.WithWatch, changed func()) *Sight {
	s := NewSight(c)
	s.changed = changed
	return s
}

// ErrNotInstalled is in the chain of the error about a kind that the cluster does not have.
var ErrNotInstalled = errors.New("the cluster does not have this kind of object")

// See looks at a place that was not looked at before. An error that says that this is not allowed, or that the cluster has no
// such kind, is remembered and returned again; any other may go away.
func (s *Sight) See(ctx context.Context, at Place) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.Namespace != "" {
		if all, ok := s.places[Place{Plural: at.Plural}]; ok && all.err == nil {
			return nil
		}
	}
	if seen, ok := s.places[at]; ok {
		return seen.err
	}
	objects, err := s.look(ctx, at)
	switch {
	case err == nil:
	case meta.IsNoMatchError(err):
		err = fmt.Errorf("list %s: %w", at.Plural, ErrNotInstalled)
	case apierrors.IsForbidden(err):
	default:
		return err
	}
	s.places[at] = place{objects, err}
	return err
}

// Saw says whether a place was looked at, with whatever result.
func (s *Sight) Saw(at Place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.places[at]
	return ok
}

// Inventory returns everything that was seen.
func (s *Sight) Inventory() *inventory.Inventory {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := inventory.New()
	for _, p := range s.places {
		if p.err == nil {
			out.Add(p.objects()...)
		}
	}
	return out
}

// Failing returns why what was seen may not be current any more; nil when it is. It is tried again meanwhile.
func (s *Sight) Failing() error {
	s.failing.mu.Lock()
	defer s.failing.mu.Unlock()
	for at, err := range s.failing.at {
		return fmt.Errorf("watch %s: %w", at.Plural, err)
	}
	return nil
}

func (s *Sight) look(ctx context.Context, at Place) (func() []inventory.Object, error) {
	i := slices.IndexFunc(kinds(), func(k kind) bool { return k.plural == at.Plural })
	if i < 0 {
		return nil, fmt.Errorf("no kind of object is called %s here", at.Plural)
	}
	k := kinds()[i]
	objects, err := s.list(ctx, k, at)
	// Who has rights in one namespace may get it, and not watch it.
	if apierrors.IsForbidden(err) && at.Plural == "namespaces" && at.Name != "" {
		return s.get(ctx, at.Name)
	}
	if err != nil || s.changed == nil {
		return func() []inventory.Object { return objects }, err
	}
	return s.follow(ctx, k, at)
}

func (s *Sight) get(ctx context.Context, name string) (func() []inventory.Object, error) {
	ns := &corev1.Namespace{}
	err := s.c.Get(ctx, client.ObjectKey{Name: name}, ns)
	if apierrors.IsNotFound(err) {
		return func() []inventory.Object { return nil }, nil
	}
	return func() []inventory.Object { return []inventory.Object{ns} }, err
}

func (at Place) options() []client.ListOption {
	out := []client.ListOption{client.InNamespace(at.Namespace)}
	if at.Name != "" {
		out = append(out, client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector(metav1.ObjectNameField, at.Name)})
	}
	return out
}

// list reads a place as it is.
func (s *Sight) list(ctx context.Context, k kind, at Place) ([]inventory.Object, error) {
	r := &reading{reader: s.c, Found: Found{Inventory: inventory.New()}, request: Request{Progress: func(string, int) {}}}
	if err := r.list(ctx, k, at.options()...); err != nil {
		return nil, err
	}
	return r.Inventory.Objects(), nil
}

// follow reads a place and keeps what it holds current until the context ends.
func (s *Sight) follow(ctx context.Context, k kind, at Place) (func() []inventory.Object, error) {
	example, err := exampleOf(k, s.c.Scheme())
	if err != nil {
		return nil, err
	}
	informer := cache.NewSharedIndexInformerWithOptions(s.watcher(k, at), example, cache.SharedIndexInformerOptions{})
	changed := func(any) { s.changed() }
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: changed, DeleteFunc: changed,
		UpdateFunc: func(_, after any) { changed(after) },
	})
	err = errors.Join(err, informer.SetTransform(withoutManagedFields), informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
		// Watches end now and then, and begin again where they ended.
		if !errors.Is(err, io.EOF) && !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
			s.failing.set(at, err)
			s.changed()
		}
	}))
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", at.Plural, err)
	}
	// It logs what Failing says.
	go informer.RunWithContext(klog.NewContext(ctx, logr.Discard()))
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil, fmt.Errorf("watch %s: %w", at.Plural, context.Cause(ctx))
	}
	return func() []inventory.Object { return objectsOf(informer.GetStore().List()) }, nil
}

// watcher lists and watches a place.
func (s *Sight) watcher(k kind, at Place) cache.ListerWatcher {
	raw := func(options metav1.ListOptions) []client.ListOption {
		return append(at.options(), &client.ListOptions{Raw: &options})
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list := k.list()
			return list, s.c.List(ctx, list, raw(options)...)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			w, err := s.c.Watch(ctx, k.list(), raw(options)...)
			if err == nil {
				s.failing.set(at, nil)
				s.changed()
			}
			return w, err
		},
	}
}

// exampleOf returns an empty object of a kind.
func exampleOf(k kind, scheme *runtime.Scheme) (runtime.Object, error) {
	gvk, err := apiutil.GVKForObject(k.list(), scheme)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", k.plural, err)
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	return scheme.New(gvk)
}

func objectsOf(items []any) []inventory.Object {
	out := make([]inventory.Object, 0, len(items))
	for _, item := range items {
		if o, ok := item.(inventory.Object); ok {
			out = append(out, o)
		}
	}
	return out
}

func withoutManagedFields(item any) (any, error) {
	if o, ok := item.(metav1.Object); ok {
		o.SetManagedFields(nil)
	}
	return item, nil
}
