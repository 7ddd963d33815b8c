package plan

import (
	"fmt"
	"maps"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
)

// universe is every kind of pod that the selectors of these tests can tell apart.
var universe = func() map[string]map[string]string {
	pods := map[string]map[string]string{}
	for _, x := range []string{"", "1", "2"} {
		for _, y := range []string{"", "1", "2"} {
			labels := map[string]string{}
			if x != "" {
				labels["x"] = x
			}
			if y != "" {
				labels["y"] = y
			}
			pods["x="+x+",y="+y] = labels
		}
	}
	return pods
}()

// view is a policy as the oracle sees it: which pods it selects, and what it admits for them. Ours isolate both ways.
type view struct {
	pods  map[string]bool
	atoms map[networkpolicy.Atom]bool
}

func viewOf(spec networkingv1.NetworkPolicySpec) view {
	v := view{pods: map[string]bool{}, atoms: networkpolicy.Admitted(spec)}
	for pod, labels := range universe {
		if selects, err := selector.Matches(&spec.PodSelector, labels); err == nil && selects {
			v.pods[pod] = true
		}
	}
	return v
}

func viewsOf(policies map[string]networkingv1.NetworkPolicy) map[string]view {
	out := map[string]view{}
	for name, policy := range policies {
		out[name] = viewOf(policy.Spec)
	}
	return out
}

// end is one end of a connection: a pod, and the direction as it sees it.
type end struct {
	pod       string
	direction networkpolicy.Direction
}

// admission is what is admitted at one end. Open, everything is: no policy isolates the end.
type admission struct {
	open  bool
	atoms map[networkpolicy.Atom]bool
}

// admissions reads policies as k8s.io/api/networking/v1 says: an end that no policy isolates is open; any other admits
// the union of what the policies that select the pod admit.
func admissions(policies map[string]view) map[end]admission {
	out := map[end]admission{}
	for pod := range universe {
		for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
			here := admission{open: true, atoms: map[networkpolicy.Atom]bool{}}
			for _, v := range policies {
				if !v.pods[pod] {
					continue
				}
				here.open = false
				for atom := range v.atoms {
					if atom.Direction == direction {
						here.atoms[atom] = true
					}
				}
			}
			out[end{pod, direction}] = here
		}
	}
	return out
}

func (a admission) admits(atom networkpolicy.Atom) bool {
	return a.open || a.atoms[atom] || a.atoms[networkpolicy.Atom{Direction: atom.Direction, Peer: networkpolicy.Everyone, Port: atom.Port}]
}

func (w *world) mustLieBetween(before, meant, after map[end]admission) {
	for e, here := range admissions(w.now) {
		was, will := before[e], after[e]
		if here.open {
			if !was.open && !will.open {
				w.fail("opened wholly", e)
			}
			continue
		}
		if was.open && will.open {
			w.fail("isolated although it is to stay open", e)
		}
		for atom := range here.atoms {
			if !was.admits(atom) && !will.admits(atom) {
				w.fail(fmt.Sprintf("opened for %v", atom), e)
			}
		}
		if atom, cut := cutOff(was, meant[e], here, will); cut {
			if w.isTangled(e.pod, was, will) {
				w.tangled++
				continue
			}
			w.fail(fmt.Sprintf("cut off from %v", atom), e)
		}
	}
}

// cutOff returns something that was admitted, and meant to be, and will be, and is not now.
func cutOff(was, meant, here, will admission) (networkpolicy.Atom, bool) {
	for _, side := range []admission{was, meant, will} {
		for atom := range side.atoms {
			if was.admits(atom) && meant.admits(atom) && will.admits(atom) && !here.admits(atom) {
				return atom, true
			}
		}
	}
	return networkpolicy.Atom{}, false
}

// isTangled says whether a pod is in the one case in which a plan without policies made for the transition alone must
// either cut something off for a moment or open too much: two new policies begin to isolate it, while other pods of
// theirs were isolated before by policies that do not select this one; or the same in reverse.
func (w *world) isTangled(pod string, was, will admission) bool {
	return (was.open && tangle(pod, w.after, w.before)) || (will.open && tangle(pod, w.before, w.after))
}

// tangle looks at the policies that are in changed and not in others.
func tangle(pod string, changed, others map[string]view) bool {
	group, pods := 0, map[string]bool{pod: true}
	for grown := true; grown; {
		before := len(pods)
		group = 0
		for name, v := range changed {
			if _, stays := others[name]; stays || (len(v.atoms) == 0 && len(v.pods) == len(universe)) || !touches(v.pods, pods) {
				continue
			}
			group++
			maps.Copy(pods, v.pods)
		}
		grown = len(pods) > before
	}
	isolated := false
	for _, v := range others {
		isolated = isolated || touches(v.pods, pods)
	}
	return group > 1 && isolated
}

func touches(a, b map[string]bool) bool {
	for pod := range a {
		if b[pod] {
			return true
		}
	}
	return false
}

func (w *world) fail(what string, e end) {
	w.t.Fatalf("transition %d: %s of pod %s was %s:\n%s", w.number, e.direction, e.pod, what, strings.Join(w.story, "\n"))
}
