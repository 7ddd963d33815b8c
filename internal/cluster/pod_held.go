package cluster

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// heldPod is a pod as the store keeps it. Until a list is complete, client-go holds all that was read of it: with pods as they were
// received, that would be several times what is kept in the end, and leave behind memory in which a little is kept everywhere.
type heldPod struct {
	namespace, name string
	// class is nil when the pod has completed.
	class     *podClass
	addresses string
}

var (
	_ cache.TransformingStore   = &Pods{}
	_ metav1.ObjectMetaAccessor = &heldPod{}
)

// GetObjectMeta implements metav1.ObjectMetaAccessor, by which client-go tells pods apart.
func (h *heldPod) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{Namespace: h.namespace, Name: h.name}
}

// Transformer implements cache.TransformingStore.
func (p *Pods) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) {
		pod, err := asPod(obj)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.hold(pod), nil
	}
}

// holdAll returns the pods of a list, of which some may be held already.
func (p *Pods) holdAll(list []any) ([]*heldPod, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*heldPod, 0, len(list))
	for _, obj := range list {
		if held, ok := obj.(*heldPod); ok {
			out = append(out, held)
			continue
		}
		pod, err := asPod(obj)
		if err != nil {
			return nil, err
		}
		out = append(out, p.hold(pod))
	}
	return out, nil
}

// hold returns a pod with its class, which may be new.
func (p *Pods) hold(pod *watchedPod) *heldPod {
	held := &heldPod{namespace: shared(pod.meta.Namespace), name: pod.meta.Name}
	if pod.completed() {
		return held
	}
	held.class, held.addresses = p.classOf(pod.read()), pod.joinedAddresses()
	return held
}
