package cluster

import "k8s.io/client-go/tools/cache"

// heldPod is what the store keeps of a pod.
type heldPod struct {
	namespace, name string
	// class is nil when the pod has completed.
	class     *podClass
	addresses string
}

var _ cache.TransformingStore = &Pods{}

// Transformer implements cache.TransformingStore. Where a watch begins with all pods, client-go holds them until it has the last one: as
// they were received, they would be several times what is kept in the end, and leave behind memory in which a little is kept everywhere.
func (p *Pods) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) {
		pod, ok := obj.(*watchedPod)
		if !ok {
			// It is for Replace to refuse the list: of an error here, client-go makes a list without the pod.
			return obj, nil
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.hold(pod), nil
	}
}

// holdAll returns the pods of a list, of which some may be held already.
func (p *Pods) holdAll(list []any) ([]*heldPod, error) {
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
