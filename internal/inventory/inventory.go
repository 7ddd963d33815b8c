package inventory

import (
	"cmp"
	"reflect"
	"slices"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// Object is an API object of one of the kinds that policies are made from and judged by.
type Object interface {
	metav1.Object
	runtime.Object
}

// Key tells objects apart.
type Key struct {
	schema.GroupKind
	Namespace, Name string
}

// Inventory is a number of objects, each there once. The zero value is empty and ready to use.
type Inventory struct {
	layers []layer
}

// layer is the objects of one source. What is in a later layer takes the place of what is in an earlier one.
type layer map[Key]Object

// New returns an empty inventory.
func New() *Inventory { return &Inventory{layers: []layer{{}}} }

// Add adds objects to the topmost layer. One that is there already is replaced.
func (inv *Inventory) Add(objects ...Object) {
	top := inv.layers[len(inv.layers)-1]
	for _, o := range objects {
		top[KeyOf(o)] = o
	}
}

// Has says whether there is such an object.
func (inv *Inventory) Has(key Key) bool {
	return slices.ContainsFunc(inv.layers, func(l layer) bool { return l[key] != nil })
}

// Over returns an inventory in which the objects of this one take the place of those of another with the same keys.
// Workloads stand for their pods, so theirs go too.
func (inv *Inventory) Over(base *Inventory) *Inventory {
	return &Inventory{layers: slices.Concat(base.layers, inv.layers)}
}

// KeyOf returns the key of an object. Its kind is told by its type, where the object does not say.
func KeyOf(o Object) Key {
	return Key{GroupKind: kindOf(o).GroupKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

// sample is a kind with its type.
type sample struct {
	kind schema.GroupVersionKind
	new  func() Object
	// clusterScoped objects are in no namespace.
	clusterScoped bool
}

// samples are the kinds that matter. Versions before those that Kubernetes serves today are not among them.
func samples() []sample {
	core, apps, batch := corev1.SchemeGroupVersion, appsv1.SchemeGroupVersion, batchv1.SchemeGroupVersion
	networking, discovery := networkingv1.SchemeGroupVersion, discoveryv1.SchemeGroupVersion
	return []sample{
		{core.WithKind("Namespace"), func() Object { return &corev1.Namespace{} }, true},
		{core.WithKind("Node"), func() Object { return &corev1.Node{} }, true},
		{core.WithKind("Pod"), func() Object { return &corev1.Pod{} }, false},
		{core.WithKind("ReplicationController"), func() Object { return &corev1.ReplicationController{} }, false},
		{core.WithKind("Service"), func() Object { return &corev1.Service{} }, false},
		{apps.WithKind("DaemonSet"), func() Object { return &appsv1.DaemonSet{} }, false},
		{apps.WithKind("Deployment"), func() Object { return &appsv1.Deployment{} }, false},
		{apps.WithKind("ReplicaSet"), func() Object { return &appsv1.ReplicaSet{} }, false},
		{apps.WithKind("StatefulSet"), func() Object { return &appsv1.StatefulSet{} }, false},
		{batch.WithKind("CronJob"), func() Object { return &batchv1.CronJob{} }, false},
		{batch.WithKind("Job"), func() Object { return &batchv1.Job{} }, false},
		{discovery.WithKind("EndpointSlice"), func() Object { return &discoveryv1.EndpointSlice{} }, false},
		{networking.WithKind("NetworkPolicy"), func() Object { return &networkingv1.NetworkPolicy{} }, false},
		{networking.WithKind("ServiceCIDR"), func() Object { return &networkingv1.ServiceCIDR{} }, true},
		{v1alpha1.GroupVersion.WithKind(string(v1alpha1.KindSegmentationProfile)), func() Object { return &v1alpha1.SegmentationProfile{} }, false},
		{v1alpha1.GroupVersion.WithKind(string(v1alpha1.KindClusterSegmentationProfile)), func() Object { return &v1alpha1.ClusterSegmentationProfile{} }, true},
	}
}

// kindsByType are the kinds by the types of their objects.
var kindsByType = sync.OnceValue(func() map[reflect.Type]schema.GroupVersionKind { //nolint:gochecknoglobals // never changed
	out := map[reflect.Type]schema.GroupVersionKind{}
	for _, s := range samples() {
		out[reflect.TypeOf(s.new())] = s.kind
	}
	return out
})

func kindOf(o Object) schema.GroupVersionKind {
	if kind, ok := kindsByType()[reflect.TypeOf(o)]; ok {
		return kind
	}
	return o.GetObjectKind().GroupVersionKind()
}

// IsClusterScoped says whether objects of a kind are known to be in no namespace.
func IsClusterScoped(kind schema.GroupKind) bool {
	return slices.ContainsFunc(samples(), func(s sample) bool { return s.kind.GroupKind() == kind && s.clusterScoped })
}

// Matters says whether policies are made from objects of a kind, or judged by them.
func Matters(kind schema.GroupVersionKind) bool {
	return slices.ContainsFunc(samples(), func(s sample) bool { return s.kind == kind })
}

// Decode returns an object as its type; nil when it is of a kind that does not matter here. The fields of profiles and
// NetworkPolicies must be known: one that is misspelled would be missing without anybody noticing.
func Decode(u *unstructured.Unstructured) (Object, error) {
	i := slices.IndexFunc(samples(), func(s sample) bool { return s.kind == u.GroupVersionKind() })
	if i < 0 {
		return nil, nil
	}
	s := samples()[i]
	out := s.new()
	strict := s.kind.Group == v1alpha1.GroupVersion.Group || s.kind.Kind == "NetworkPolicy"
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, out, strict); err != nil {
		return nil, err
	}
	return out, nil
}

// compareKeys orders keys by kind, namespace and name.
func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
