package truth

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// follow watches a resource until ctx ends. The channel is closed when it was first listed.
func (r *Recorder) follow(ctx context.Context, resource schema.GroupVersionResource) <-chan struct{} {
	client, listed := r.client.Resource(resource), make(chan struct{})
	lists := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return client.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return client.Watch(ctx, options)
		},
	}
	log := &eventLog{record: r.record, resource: resource, first: sync.OnceFunc(func() { close(listed) })}
	reflector := cache.NewReflectorWithOptions(lists, nil, log, cache.ReflectorOptions{
		Name: "truth",
		// The API server may be away for a while, and what comes first afterwards is worth seeing.
		Backoff: &wait.Backoff{Duration: 50 * time.Millisecond, Factor: 2, Cap: time.Second, Steps: 6},
	})
	r.done.Go(func() { reflector.RunWithContext(ctx) })
	return listed
}

// eventLog hands what a reflector delivers to a record.
type eventLog struct {
	record   *record
	resource schema.GroupVersionResource
	// first is called when the resource was listed.
	first func()
}

// Add notes an object that was created.
func (l *eventLog) Add(object any) error { return l.changed(object) }

// Update notes an object that was changed.
func (l *eventLog) Update(object any) error { return l.changed(object) }

// Delete notes an object that is gone. The last version of a profile is none that anybody could read.
func (l *eventLog) Delete(object any) error {
	return l.note(func() error {
		content, err := asUnstructured(object)
		if err != nil || l.resource != policies() {
			return err
		}
		return l.record.policies.gone(content)
	})
}

// Replace notes all that there is, at first and after the API server could not tell what had changed since.
func (l *eventLog) Replace(objects []any, resourceVersion string) error {
	defer l.first()
	return l.note(func() error {
		revision, err := revisionOf(resourceVersion)
		if err != nil {
			return err
		}
		contents := make([]*unstructured.Unstructured, 0, len(objects))
		for _, object := range objects {
			content, err := asUnstructured(object)
			if err != nil {
				return err
			}
			contents = append(contents, content)
		}
		if l.resource == policies() {
			return l.record.policies.listed(contents, revision)
		}
		return l.record.profiles(l.resource.Resource, contents, revision, time.Now())
	})
}

// Resync has nothing to do.
func (l *eventLog) Resync() error { return nil }

func (l *eventLog) changed(object any) error {
	return l.note(func() error {
		content, err := asUnstructured(object)
		if err != nil {
			return err
		}
		if l.resource == policies() {
			return l.record.policies.stands(content)
		}
		return l.record.profile(l.resource.Resource, content, time.Now())
	})
}

// note keeps what cannot be read for the judgement, too: a reflector only logs it.
func (l *eventLog) note(what func() error) error {
	l.record.mu.Lock()
	defer l.record.mu.Unlock()
	err := what()
	if err != nil {
		l.record.errs = append(l.record.errs, err)
	}
	return err
}

func asUnstructured(object any) (*unstructured.Unstructured, error) {
	content, ok := object.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("read an object: it is a %T", object)
	}
	return content, nil
}
