package truth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/health"
)

// poll is how often the recorder looks whether it has seen what it waits for.
const poll = 20 * time.Millisecond

// Recorder keeps every version of every profile of an API server. Its methods may be used side by side.
type Recorder struct {
	client dynamic.Interface
	record *record
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// Record begins to record, with a configuration that has all rights, and returns when it watches. It goes on when the API server
// goes away and comes back, until Stop.
func Record(ctx context.Context, config *rest.Config) (*Recorder, error) {
	argo, err := health.NewArgoCD()
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("begin to record: %w", err)
	}
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &Recorder{client: client, record: newRecord(argo), cancel: cancel}
	var listed []<-chan struct{}
	for _, resource := range append(profiles(), policies()) {
		listed = append(listed, r.follow(watching, resource))
	}
	for _, l := range listed {
		select {
		case <-l:
		case <-ctx.Done():
			r.Stop()
			return nil, fmt.Errorf("begin to record: %w", ctx.Err())
		}
	}
	return r, nil
}

func profiles() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{
		v1alpha1.GroupVersion.WithResource("segmentationprofiles"), v1alpha1.GroupVersion.WithResource("clustersegmentationprofiles"),
	}
}

func policies() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}
}

// Stop ends the recording. What was recorded stays.
func (r *Recorder) Stop() {
	r.cancel()
	r.done.Wait()
}

// Judge waits until all that there is now was recorded, and judges everything recorded so far. The API server must be there, and
// the CRDs may be gone. To know where it stands, it writes a NetworkPolicy of its own in the namespace default, and deletes it.
func (r *Recorder) Judge(ctx context.Context) (Report, error) {
	for _, resource := range profiles() {
		if err := r.catchUp(ctx, resource); err != nil {
			return Report{}, err
		}
	}
	if err := r.passMarker(ctx); err != nil {
		return Report{}, err
	}
	return r.record.judge(ctx)
}

func (r *Recorder) catchUp(ctx context.Context, resource schema.GroupVersionResource) error {
	list, err := r.client.Resource(resource).List(ctx, metav1.ListOptions{})
	switch {
	case apierrors.IsNotFound(err):
		// The CRD is gone, and so are the profiles.
		return nil
	case err != nil:
		return fmt.Errorf("list %s: %w", resource.Resource, err)
	}
	for i := range list.Items {
		object := &list.Items[i]
		revision, err := revisionOf(object.GetResourceVersion())
		if err != nil {
			return err
		}
		if err := wait.PollUntilContextCancel(ctx, poll, true, func(context.Context) (bool, error) {
			return r.record.has(object.GetUID(), revision), nil
		}); err != nil {
			return fmt.Errorf("wait for revision %d of %s %s/%s: %w", revision, object.GetKind(), object.GetNamespace(), object.GetName(), err)
		}
	}
	return nil
}

// passMarker waits until every change of policies before now was recorded.
func (r *Recorder) passMarker(ctx context.Context) (err error) {
	client := r.client.Resource(policies()).Namespace(metav1.NamespaceDefault)
	marker := &unstructured.Unstructured{}
	marker.SetAPIVersion("networking.k8s.io/v1")
	marker.SetKind("NetworkPolicy")
	marker.SetGenerateName("marker-")
	// No pod has this label.
	if err := unstructured.SetNestedField(marker.Object, "marker", "spec", "podSelector", "matchLabels", "firebreak.dev/test"); err != nil {
		return err
	}
	written, err := client.Create(ctx, marker, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("write the marker: %w", err)
	}
	defer func() {
		err = errors.Join(err, client.Delete(context.WithoutCancel(ctx), written.GetName(), metav1.DeleteOptions{}))
	}()
	revision, err := revisionOf(written.GetResourceVersion())
	if err != nil {
		return err
	}
	if err := wait.PollUntilContextCancel(ctx, poll, true, func(context.Context) (bool, error) {
		return r.record.hasPolicies(revision), nil
	}); err != nil {
		return fmt.Errorf("wait for policies up to revision %d: %w", revision, err)
	}
	return nil
}
