// Package live reads from a cluster the objects that policies are made from and judged by. It writes nothing.
package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/inventory"
)

// pageSize is how many objects are asked for at once.
const pageSize = 500

// Scheme returns the scheme of what is read.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build the scheme: %w", err)
	}
	return scheme, nil
}

// NewClient returns a client that is not slowed down on this side: the API server's priority and fairness does that.
func NewClient(config *rest.Config) (client.WithWatch, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.QPS = -1
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return c, nil
}

// Request says what to read.
type Request struct {
	// Namespaces are those of which everything must be known. Whoever may not list a kind of object in all namespaces gets
	// those of these namespaces. Empty for all namespaces and nothing less.
	Namespaces []string
	// Progress is called with the plural name of what is being read, and how many there are so far; nil for nobody.
	Progress func(kind string, n int)
}

// kind is a kind of objects that is read.
type kind struct {
	plural string
	list   func() client.ObjectList
	scope  scope
	// ours are the kinds that come with Firebreak. Others are missing in clusters older than they are.
	ours bool
}

type scope int

const (
	// namespaced objects can be listed by namespace.
	namespaced scope = iota
	// clusterWide objects cannot, and without them the answer is wrong where something refers to them.
	clusterWide
)

// namespaces is the plural name of the kind of which one may be got without all being listed.
const namespaces = "namespaces"

func kinds() []kind {
	return []kind{
		{namespaces, func() client.ObjectList { return &corev1.NamespaceList{} }, clusterWide, false},
		{"clustersegmentationprofiles", func() client.ObjectList { return &v1alpha1.ClusterSegmentationProfileList{} }, clusterWide, true},
		{"segmentationprofiles", func() client.ObjectList { return &v1alpha1.SegmentationProfileList{} }, namespaced, true},
		{"networkpolicies", func() client.ObjectList { return &networkingv1.NetworkPolicyList{} }, namespaced, false},
		{"services", func() client.ObjectList { return &corev1.ServiceList{} }, namespaced, false},
		{"endpointslices", func() client.ObjectList { return &discoveryv1.EndpointSliceList{} }, namespaced, false},
		{"nodes", func() client.ObjectList { return &corev1.NodeList{} }, clusterWide, false},
		{"servicecidrs", func() client.ObjectList { return &networkingv1.ServiceCIDRList{} }, clusterWide, false},
		{"pods", func() client.ObjectList { return &corev1.PodList{} }, namespaced, false},
	}
}

// Found is what could be read.
type Found struct {
	Inventory *inventory.Inventory
	// Notes, each a sentence, say what could not be seen and is missing therefore.
	Notes []string
	// Partial are the kinds, by plural name, of which only those of the requested namespaces are there.
	Partial []string
}

// Read returns what is in the cluster. An error says what could not be read and is needed.
func Read(ctx context.Context, reader client.Reader, request Request) (Found, error) {
	r := &reading{reader: reader, request: request, Found: Found{Inventory: inventory.New()}}
	if r.request.Progress == nil {
		r.request.Progress = func(string, int) {}
	}
	for _, k := range kinds() {
		if err := r.read(ctx, k); err != nil {
			return Found{}, err
		}
	}
	r.notePartial()
	return r.Found, nil
}

// notePartial says what it means that some kinds could be listed in the requested namespaces only.
func (r *reading) notePartial() {
	named := strings.Join(r.request.Namespaces, ", ")
	inSome := slices.DeleteFunc(slices.Clone(r.Partial), func(plural string) bool { return plural == namespaces })
	if len(inSome) < len(r.Partial) {
		r.Notes = append(r.Notes, fmt.Sprintf(
			"You may not list namespaces, so of other namespaces than %s no label is known, and a rule that chooses namespaces by their labels is taken to choose none of them.", named))
	}
	if len(inSome) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("You may not list %s in all namespaces, so other namespaces than %s are taken for open, without policies and pods.",
			strings.Join(inSome, ", "), named))
	}
}

type reading struct {
	reader  client.Reader
	request Request
	Found
}

func (r *reading) read(ctx context.Context, k kind) error {
	err := r.list(ctx, k)
	switch {
	case meta.IsNoMatchError(err) && !k.ours:
		// A cluster older than this kind has none.
		return nil
	case meta.IsNoMatchError(err):
		if !slices.Contains(r.Notes, notInstalled) {
			r.Notes = append(r.Notes, notInstalled)
		}
		return nil
	case !apierrors.IsForbidden(err):
		return err
	case k.scope == clusterWide && len(r.request.Namespaces) > 0:
		return r.without(ctx, k)
	case len(r.request.Namespaces) == 0:
		return fmt.Errorf("%w\nLook at one namespace with -n, or ask for the right to list %s", err, k.plural)
	}
	r.Partial = append(r.Partial, k.plural)
	for _, namespace := range r.request.Namespaces {
		if err := r.list(ctx, k, client.InNamespace(namespace)); err != nil {
			return fmt.Errorf("%w\nAsk for the right to list %s in namespace %s", err, k.plural, namespace)
		}
	}
	return nil
}

const notInstalled = "The cluster has no Firebreak: its CRDs are not installed."

// without goes on without a kind of objects that may not be listed.
func (r *reading) without(ctx context.Context, k kind) error {
	if k.plural != namespaces {
		r.Notes = append(r.Notes, fmt.Sprintf("You may not list %s, so what follows is as if there were none.", k.plural))
		return nil
	}
	r.Partial = append(r.Partial, namespaces)
	for _, name := range r.request.Namespaces {
		var ns corev1.Namespace
		err := r.reader.Get(ctx, client.ObjectKey{Name: name}, &ns)
		switch {
		case err == nil:
			r.Inventory.Add(&ns)
		case apierrors.IsForbidden(err):
			r.Notes = append(r.Notes, fmt.Sprintf("You may not read namespace %s, so only its name is known, and no label.", name))
		case !apierrors.IsNotFound(err):
			return fmt.Errorf("read namespace %s: %w", name, err)
		}
	}
	return nil
}

// list reads all objects of a kind. What took so long that the next page is not kept any more is read again, at once.
func (r *reading) list(ctx context.Context, k kind, options ...client.ListOption) error {
	found, err := r.pages(ctx, k, append(slices.Clip(options), client.Limit(pageSize)))
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		found, err = r.pages(ctx, k, options)
	}
	r.Inventory.Add(found...)
	return err
}

// pages reads all objects of a kind, page by page if options say so.
func (r *reading) pages(ctx context.Context, k kind, options []client.ListOption) ([]inventory.Object, error) {
	var found []inventory.Object
	for token := ""; ; {
		list := k.list()
		if err := r.reader.List(ctx, list, append(slices.Clip(options), client.Continue(token))...); err != nil {
			return nil, fmt.Errorf("list %s: %w", k.plural, err)
		}
		err := meta.EachListItem(list, func(item runtime.Object) error {
			o, ok := item.(inventory.Object)
			if !ok {
				return fmt.Errorf("list %s: got a %T", k.plural, item)
			}
			o.SetManagedFields(nil)
			found = append(found, o)
			return nil
		})
		if err != nil {
			return nil, err
		}
		r.request.Progress(k.plural, len(found))
		if token = list.GetContinue(); token == "" {
			return found, nil
		}
	}
}
