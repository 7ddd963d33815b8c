package truth

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/selector"
)

// role is what a policy is there for in a namespace: a tier with its selector, or the default deny.
type role struct{ tier, selector string }

func (r role) String() string { return fmt.Sprintf("tier %s of pods %q", r.tier, r.selector) }

// roleOf returns the role of a tier. What is written in another order, or twice, is the same selector.
func roleOf(tier string, podSelector *metav1.LabelSelector) (role, error) {
	pods, err := selector.Compile(selector.Canonical(podSelector))
	if err != nil {
		return role{}, fmt.Errorf("selector of tier %s: %w", tier, err)
	}
	return role{tier, pods.String()}, nil
}

// period is a time for which a policy stood in one role for one profile: from the revision from until the one before to,
// which is 0 while it stands.
type period struct {
	uid             types.UID
	namespace, name string
	role            role
	from, to        uint64
}

func (p period) meets(since, until uint64) bool {
	return p.from <= until && (p.to == 0 || p.to > since)
}

func (p period) covers(since, until uint64) bool {
	return p.from <= since && (p.to == 0 || p.to > until)
}

// standing is which policies stood when. Its methods take events in the order of their revisions.
type standing struct {
	periods map[types.UID][]*period
	live    map[types.NamespacedName]*period
	// gaps are the times of which not everything was seen: after from, until to.
	gaps []gap
	// reached is the last revision of which anything was heard.
	reached uint64
}

type gap struct{ from, to uint64 }

func newStanding() *standing {
	return &standing{periods: map[types.UID][]*period{}, live: map[types.NamespacedName]*period{}}
}

// stands notes that a policy was created or changed. One that is being deleted, and has finalizers, is still in force.
func (s *standing) stands(object *unstructured.Unstructured) error {
	revision, err := revisionOf(object.GetResourceVersion())
	if err != nil {
		return err
	}
	s.reached = max(s.reached, revision)
	var policy networkingv1.NetworkPolicy
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &policy); err != nil {
		return fmt.Errorf("read NetworkPolicy %s/%s: %w", object.GetNamespace(), object.GetName(), err)
	}
	played, err := roleOf(policy.Labels[v1alpha1.LabelTier], &policy.Spec.PodSelector)
	if err != nil {
		return err
	}
	key := types.NamespacedName{Namespace: policy.Namespace, Name: policy.Name}
	next := &period{types.UID(policy.Annotations[v1alpha1.AnnotationProfileUID]), key.Namespace, key.Name, played, revision, 0}
	if before := s.live[key]; before != nil {
		if before.uid == next.uid && before.role == next.role {
			return nil
		}
		before.to = revision
	}
	s.live[key] = next
	s.periods[next.uid] = append(s.periods[next.uid], next)
	return nil
}

// gone notes that a policy was deleted.
func (s *standing) gone(object *unstructured.Unstructured) error {
	revision, err := revisionOf(object.GetResourceVersion())
	if err != nil {
		return err
	}
	s.reached = max(s.reached, revision)
	s.end(types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}, revision)
	return nil
}

func (s *standing) end(key types.NamespacedName, revision uint64) {
	if before := s.live[key]; before != nil {
		before.to = revision
		delete(s.live, key)
	}
}

// listed notes all policies that there are at a revision, after events were missed.
func (s *standing) listed(objects []*unstructured.Unstructured, revision uint64) error {
	s.gaps = append(s.gaps, gap{s.reached, revision})
	there := map[types.NamespacedName]bool{}
	for _, object := range objects {
		there[types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}] = true
		if err := s.stands(object); err != nil {
			return err
		}
	}
	for key := range s.live {
		if !there[key] {
			s.end(key, revision)
		}
	}
	s.reached = max(s.reached, revision)
	return nil
}

// isBlind says whether something between two revisions, both among them, may not have been seen.
func (s *standing) isBlind(since, until uint64) bool {
	return until > s.reached || slices.ContainsFunc(s.gaps, func(g gap) bool { return g.from < until && g.to >= since })
}

// namespaces returns in how many namespaces a profile had a policy in a role at any time between two revisions.
func (s *standing) namespaces(uid types.UID, played role, since, until uint64) int {
	found := map[string]bool{}
	for _, p := range s.periods[uid] {
		if p.role == played && p.meets(since, until) {
			found[p.namespace] = true
		}
	}
	return len(found)
}
