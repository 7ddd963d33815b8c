package truth

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// wishes is what the versions of one profile up to now say that there must be, and not be.
type wishes struct {
	generation int64
	// wanted are the roles of the current spec, with the revision since which each has been wanted without a break. A tier with
	// a namespaceSelector is in some namespaces only: its number of namespaces is not known from the profile.
	wanted map[role]wish
	// unwanted are roles that the spec had at an earlier time, with the revision since which it has not. One that it has again may
	// be among them.
	unwanted map[role]uint64
	// enforced is the revision since which the profile has been in mode Enforce; what stands in Preview is frozen.
	enforced uint64
}

type wish struct {
	since uint64
	some  bool
}

// follow takes up the next version of a profile.
func (w *wishes) follow(v *version) error {
	if w.generation == v.generation {
		return nil
	}
	w.generation = v.generation
	if v.spec.Mode == v1alpha1.ModePreview {
		*w = wishes{generation: v.generation}
		return nil
	}
	if w.wanted == nil {
		w.enforced, w.unwanted = v.from, map[role]uint64{}
	}
	next, err := v.spec.roles()
	if err != nil {
		return err
	}
	for r, wish := range next {
		wish.since = v.from
		if before, ok := w.wanted[r]; ok && before.some == wish.some {
			wish.since = before.since
		}
		next[r] = wish
	}
	for r := range w.wanted {
		if _, ok := next[r]; !ok {
			w.unwanted[r] = v.from
		}
	}
	w.wanted = next
	return nil
}

// roles are those that an enforced spec asks for.
func (s spec) roles() (map[role]wish, error) {
	out := map[role]wish{}
	if s.Isolation != v1alpha1.IsolationTiers {
		out[role{tier: v1alpha1.DefaultDenyTier}] = wish{}
	}
	for _, t := range s.Tiers {
		r, err := roleOf(t.Name, t.PodSelector)
		if err != nil {
			return nil, err
		}
		out[r] = wish{some: t.NamespaceSelector != nil}
	}
	return out, nil
}

// missing returns the policies that a version which calls itself ready does not have, those of roles that never stood since they
// are wanted, and those that it should not have any more, which stood all the time since they are not.
func (w *wishes) missing(v *version, s *standing) []string {
	if !v.isObserved() || !v.isTrue(v1alpha1.ConditionReady) || v.deleting || v.isPreviewed() || v.status.Namespaces == nil {
		return nil
	}
	var out []string
	for r, wish := range w.wanted {
		if wish.some || s.isBlind(wish.since, v.revision) {
			continue
		}
		if stood := s.namespaces(v.uid, r, wish.since, v.revision); stood < int(v.status.Namespaces.Selected) {
			out = append(out, fmt.Sprintf("%s, wanted since revision %d, stood in %d of %d namespaces", r, wish.since, stood, v.status.Namespaces.Selected))
		}
	}
	return append(out, w.left(v, s)...)
}

// left returns the policies of a version that are not wanted and never went.
func (w *wishes) left(v *version, s *standing) []string {
	var out []string
	for _, p := range s.periods[v.uid] {
		since := max(w.enforced, w.unwanted[p.role])
		if _, ok := w.wanted[p.role]; !ok && p.covers(since, v.revision) && !s.isBlind(since, v.revision) {
			out = append(out, fmt.Sprintf("NetworkPolicy %s/%s stands as %s, which was not wanted any more since revision %d", p.namespace, p.name, p.role, since))
		}
	}
	return out
}

// histories are the wishes of every profile.
type histories map[types.UID]*wishes

func (h histories) of(v *version) (*wishes, error) {
	if h[v.uid] == nil {
		h[v.uid] = &wishes{}
	}
	return h[v.uid], h[v.uid].follow(v)
}
