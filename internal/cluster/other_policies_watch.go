package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsclient "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"firebreak.dev/firebreak/internal/enforcement"
)

func definitions() schema.GroupVersionResource {
	return apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions")
}

// Watch follows which kinds of other policies the API server has, and the objects of those, until the context ends: all by
// metadata alone, but for the definition of such a kind, which is read whenever it changes. Where it may not look it tries
// again.
func (o *OtherPolicies) Watch(ctx context.Context, client metadata.Interface, reader apiextensionsclient.CustomResourceDefinitionInterface) {
	var runs sync.WaitGroup
	defer runs.Wait()
	follow := func(kind schema.GroupResource, definition string) {
		running, stop := context.WithCancel(ctx)
		run := &policyRun{kind: kind, definition: definition, stop: stop}
		if !o.begin(run) {
			stop()
			return
		}
		runs.Go(func() { o.follow(running, run, client, reader) })
	}
	reflectMetadata(ctx, client, definitions(), definitionStore{o, follow}, o.definitionsRefused)
}

func (o *OtherPolicies) definitionsRefused() {
	o.change(func() []string {
		o.definitionsListed = false
		return nil
	})
}

// follow keeps the objects of one kind until the context ends.
func (o *OtherPolicies) follow(ctx context.Context, run *policyRun, client metadata.Interface, reader apiextensionsclient.CustomResourceDefinitionInterface) {
	var version string
	backoff := wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.1, Steps: 6}
	err := backoff.DelayFunc().Until(ctx, true, true, func(ctx context.Context) (done bool, _ error) {
		definition, err := reader.Get(ctx, run.kind.String(), metav1.GetOptions{})
		if err != nil {
			if refused(err) {
				o.unreadable(run)
			}
			if ctx.Err() == nil {
				log.FromContext(ctx).Error(err, "Read a definition", "customResourceDefinition", run.kind.String())
			}
			return false, nil
		}
		version = servedVersion(definition)
		return true, nil
	})
	if err != nil {
		return
	}
	if version == "" {
		// When that changes the definition changes, and another run begins.
		o.unreadable(run)
		return
	}
	reflectMetadata(ctx, client, run.kind.WithVersion(version), objectStore{o, run}, func() { o.unreadable(run) })
}

// servedVersion returns a version in which all objects of a kind can be read; empty when there is none, or not yet.
func servedVersion(definition *apiextensionsv1.CustomResourceDefinition) string {
	served := ""
	if !apihelpers.IsCRDConditionTrue(definition, apiextensionsv1.Established) {
		return served
	}
	for _, version := range definition.Spec.Versions {
		if version.Served && (version.Storage || served == "") {
			served = version.Name
		}
	}
	return served
}

// reflectMetadata fills a store with the metadata of the objects of a resource, by list and watch, until the context ends.
// OnRefusal is called when they may not or cannot be listed.
func reflectMetadata(ctx context.Context, client metadata.Interface, resource schema.GroupVersionResource, store cache.ReflectorStore, onRefusal func()) {
	objects := client.Resource(resource)
	listWatch := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := objects.List(ctx, options)
			if refused(err) {
				onRefusal()
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			// When a watch that is to list fails, a list follows.
			return objects.Watch(ctx, options)
		},
	}
	options := cache.ReflectorOptions{Name: resource.GroupResource().String(), TypeDescription: resource.String()}
	cache.NewReflectorWithOptions(listWatch, &metav1.PartialObjectMetadata{}, store, options).RunWithContext(ctx)
}

// definitionStore takes what a watch of CustomResourceDefinitions delivers.
type definitionStore struct {
	policies *OtherPolicies
	// follow begins to follow the objects of a kind, unless that was done for the same resourceVersion of its definition.
	follow func(kind schema.GroupResource, definition string)
}

var _ cache.ReflectorStore = definitionStore{}

// Add implements cache.ReflectorStore.
func (s definitionStore) Add(obj any) error { return s.Update(obj) }

// Update implements cache.ReflectorStore.
func (s definitionStore) Update(obj any) error {
	meta, err := asMetadata(obj)
	if err != nil {
		return err
	}
	if kind, ok := otherPolicyKind(meta.Name); ok {
		s.follow(kind, meta.ResourceVersion)
	}
	return nil
}

// Delete implements cache.ReflectorStore.
func (s definitionStore) Delete(obj any) error {
	meta, err := asMetadata(obj)
	if err != nil {
		return err
	}
	if kind, ok := otherPolicyKind(meta.Name); ok {
		s.policies.end(kind)
	}
	return nil
}

// Replace implements cache.ReflectorStore.
func (s definitionStore) Replace(list []any, _ string) error {
	have := map[schema.GroupResource]bool{}
	for _, obj := range list {
		meta, err := asMetadata(obj)
		if err != nil {
			return err
		}
		if kind, ok := otherPolicyKind(meta.Name); ok {
			have[kind] = true
			s.follow(kind, meta.ResourceVersion)
		}
	}
	s.policies.endAllBut(have)
	return nil
}

// Resync implements cache.ReflectorStore.
func (s definitionStore) Resync() error { return nil }

// objectStore takes what a watch of the objects of one kind delivers.
type objectStore struct {
	policies *OtherPolicies
	run      *policyRun
}

var _ cache.ReflectorStore = objectStore{}

// Add implements cache.ReflectorStore.
func (s objectStore) Add(obj any) error { return s.count(obj, 1) }

// Update implements cache.ReflectorStore.
func (s objectStore) Update(obj any) error { return s.count(obj, 0) }

// Delete implements cache.ReflectorStore.
func (s objectStore) Delete(obj any) error { return s.count(obj, -1) }

func (s objectStore) count(obj any, number int) error {
	meta, err := asMetadata(obj)
	if err == nil {
		s.policies.changeObjects(s.run, func(objects *policyObjects) []string { return objects.add(meta.Namespace, number) })
	}
	return err
}

// Replace implements cache.ReflectorStore.
func (s objectStore) Replace(list []any, _ string) error {
	counts := map[string]int{}
	for _, obj := range list {
		meta, err := asMetadata(obj)
		if err != nil {
			return err
		}
		counts[meta.Namespace]++
	}
	s.policies.changeObjects(s.run, func(objects *policyObjects) []string {
		objects.listed = true
		return objects.replace(counts)
	})
	return nil
}

// Resync implements cache.ReflectorStore.
func (s objectStore) Resync() error { return nil }

func asMetadata(obj any) (*metav1.PartialObjectMetadata, error) {
	meta, ok := obj.(*metav1.PartialObjectMetadata)
	if !ok {
		return nil, fmt.Errorf("watch of metadata delivered a %T", obj)
	}
	return meta, nil
}

// otherPolicyKind returns the kind whose definition has this name.
func otherPolicyKind(definition string) (schema.GroupResource, bool) {
	for _, kind := range enforcement.OtherPolicyKinds() {
		if kind.Resource.String() == definition {
			return kind.Resource, true
		}
	}
	return schema.GroupResource{}, false
}
