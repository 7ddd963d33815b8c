package cluster

import (
	"sync"
	"unique"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxShared bounds, in bytes of their encoding, the policies that are held only so that others may be found to be like them: some thousands
// of such as people write, of which a cluster profile has some dozens, whatever the number of its namespaces. What is large and
// changes often, such as a list of nodes, must not stay for long.
const maxShared = 4 << 20

// Sharing lets policies that say the same in several namespaces have it in memory once: their labels, annotations, owners and spec,
// which is nearly all there is. Nobody changes what is in a cache. The zero value is ready to use, by several goroutines.
type Sharing struct {
	mu    sync.Mutex
	known map[string]sharedParts
	// size is what the keys take.
	size int
}

// sharedParts are what policies of several namespaces have in common.
type sharedParts struct {
	labels, annotations map[string]string
	owners              []metav1.OwnerReference
	spec                networkingv1.NetworkPolicySpec
}

// Policy returns a policy as it was, but for its managed fields, with parts that it may share with others.
func (s *Sharing) Policy(p *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	p.ManagedFields = nil
	key, err := keyOf(p)
	if err != nil {
		return p
	}
	parts := s.find(key, p)
	p.Name, p.Namespace = unique.Make(p.Name).Value(), unique.Make(p.Namespace).Value()
	p.Labels, p.Annotations, p.OwnerReferences, p.Spec = parts.labels, parts.annotations, parts.owners, parts.spec
	return p
}

// find returns the parts of the first policy with this key.
func (s *Sharing) find(key []byte, p *networkingv1.NetworkPolicy) sharedParts {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts, ok := s.known[string(key)]
	if ok {
		return parts
	}
	parts = sharedParts{p.Labels, p.Annotations, p.OwnerReferences, p.Spec}
	if s.size += len(key); s.known == nil || s.size > maxShared {
		s.known, s.size = map[string]sharedParts{}, len(key)
	}
	s.known[string(key)] = parts
	return parts
}

// keyOf is equal for policies with equal parts only: their encoding, in which maps are sorted.
func keyOf(p *networkingv1.NetworkPolicy) ([]byte, error) {
	parts := networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Labels: p.Labels, Annotations: p.Annotations, OwnerReferences: p.OwnerReferences},
		Spec:       p.Spec,
	}
	return parts.Marshal()
}
