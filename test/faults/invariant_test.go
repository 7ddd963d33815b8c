package faults_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// universe is every kind of pod and address that is told apart where the invariant is looked at. What is admitted between two
// of them is known for every port.
type universe struct {
	// home is the namespace that is looked at, and pods are in it. Their addresses are known to be none, so that no block of
	// addresses may mean them.
	home snapshot.Namespace
	pods []snapshot.Pod
	// namespaces are the others, and strangers the pods in them.
	namespaces []snapshot.Namespace
	strangers  []snapshot.Pod
	// addresses are looked at besides the ends of every block that a policy names.
	addresses []netip.Addr
}

// policySet is the policies of a namespace at one moment, by name.
type policySet = map[string]*networkingv1.NetworkPolicy

// ends are all pods that some policies select alike, in one direction, and all others that they see alike: one of each
// stands for them.
type ends struct {
	direction networkpolicy.Direction
	pod       *snapshot.Pod
	other     evaluator.Other
	// by are the versions of policies that select the pod.
	by map[string]bool
}

// String says where something happens: at the source, when the direction is egress.
func (e ends) String() string {
	other := e.other.Address.String()
	if e.other.Pod != nil {
		other = describePod(e.other.Pod)
	}
	if e.direction == networkpolicy.Egress {
		return fmt.Sprintf("%s to %s, at its source,", describePod(e.pod), other)
	}
	return fmt.Sprintf("%s to %s, at its destination,", other, describePod(e.pod))
}

func describePod(p *snapshot.Pod) string { return fmt.Sprintf("pod %s/%v", p.Namespace, p.Labels) }

// judgement is what the look at a transition found.
type judgement struct {
	// breach says which write broke the invariant, and how; empty when none did.
	breach string
	// changed is the number of kinds of ends at which the transition changes what is admitted, of all of them.
	changed, all int
	// tangled counts moments of the one case in which the invariant cannot be had; see isTangled.
	tangled int
}

// judge looks at the writes of a transition. After each of them, at every end of every connection, what was admitted before
// and is in the end is, and what is neither is not.
func (u *universe) judge(from policySet, writes []write) (judgement, error) {
	t := transition{universe: u, writes: writes, before: from, after: from}
	if len(writes) > 0 {
		t.after = writes[len(writes)-1].after
	}
	var err error
	if t.was, err = u.read(t.before, bare); err != nil {
		return judgement{}, err
	}
	if t.will, err = u.read(t.after, bare); err != nil {
		return judgement{}, err
	}
	kinds, err := t.kinds()
	if err != nil {
		return judgement{}, err
	}
	return t.judge(kinds)
}

// transition is a way from some policies to others.
type transition struct {
	*universe
	writes        []write
	before, after policySet
	was, will     *evaluator.Namespace
}

// kinds returns the ends that the versions of all policies tell apart.
func (t *transition) kinds() ([]ends, error) {
	versions := policySet{}
	for _, moment := range append([]policySet{t.before}, afterEach(t.writes)...) {
		for _, p := range moment {
			versions[versionOf(p)] = p
		}
	}
	all, err := t.read(versions, versionOf)
	if err != nil {
		return nil, err
	}
	others, err := t.others(all)
	if err != nil {
		return nil, err
	}
	var out []ends
	for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
		seen := map[string]evaluator.Other{}
		for _, o := range others {
			seen[all.View(direction, o)] = o
		}
		pods := map[string]bool{}
		for i := range t.pods {
			pod := &t.pods[i]
			by := all.Isolating(direction, pod)
			if key := fmt.Sprint(by, pod.Ports); !pods[key] {
				pods[key] = true
				for _, other := range seen {
					out = append(out, ends{direction, pod, other, setOf(by)})
				}
			}
		}
	}
	return out, nil
}

func setOf(list []string) map[string]bool {
	out := map[string]bool{}
	for _, item := range list {
		out[item] = true
	}
	return out
}

func afterEach(writes []write) []policySet {
	var out []policySet
	for _, w := range writes {
		out = append(out, w.after)
	}
	return out
}

// versionOf tells the versions of a policy apart.
func versionOf(p *networkingv1.NetworkPolicy) string { return p.Name + "@" + p.ResourceVersion }

func bare(p *networkingv1.NetworkPolicy) string { return p.Name }

// read reads policies of the namespace under other names.
func (u *universe) read(policies policySet, name func(*networkingv1.NetworkPolicy) string) (*evaluator.Namespace, error) {
	var list []*networkingv1.NetworkPolicy
	for _, p := range policies {
		list = append(list, &networkingv1.NetworkPolicy{Spec: p.Spec})
		list[len(list)-1].Name = name(p)
	}
	return evaluator.Read(u.home, list)
}

// others returns everybody that may be at the other end, the first and last address of every block and their neighbours among
// them.
func (u *universe) others(all *evaluator.Namespace) ([]evaluator.Other, error) {
	var out []evaluator.Other
	namespaces := map[string]*evaluator.Namespace{}
	for _, ns := range append([]snapshot.Namespace{u.home}, u.namespaces...) {
		read, err := evaluator.Read(ns, nil)
		if err != nil {
			return nil, err
		}
		namespaces[ns.Name] = read
	}
	for i, list := range [][]snapshot.Pod{u.pods, u.strangers} {
		for j := range list {
			pod := list[j]
			// It is not the pod itself, only like it.
			pod.Name = fmt.Sprintf("other-%d-%d", i, j)
			out = append(out, evaluator.Other{Pod: &pod, Namespace: namespaces[pod.Namespace]})
		}
	}
	addresses := slices.Clone(u.addresses)
	for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
		named, excepted := all.Blocks(direction)
		for _, block := range slices.Concat(named, excepted) {
			first, last := block.Masked().Addr(), lastOf(block)
			addresses = append(addresses, first, first.Prev(), last, last.Next())
		}
	}
	for _, a := range addresses {
		if a.IsValid() {
			out = append(out, evaluator.Other{Address: a})
		}
	}
	return out, nil
}

// lastOf returns the last address of a block.
func lastOf(block netip.Prefix) netip.Addr {
	bytes := block.Addr().AsSlice()
	for bit := block.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

// judge looks at each kind of ends after each write that concerns it.
func (t *transition) judge(kinds []ends) (judgement, error) {
	out := judgement{all: len(kinds)}
	was, will := make([]portset.Set, len(kinds)), make([]portset.Set, len(kinds))
	for i, e := range kinds {
		was[i], will[i] = admits(t.was, e), admits(t.will, e)
		if !was[i].Equal(will[i]) {
			out.changed++
		}
	}
	former := t.before
	for n, w := range t.writes {
		now, err := t.read(w.after, bare)
		if err != nil {
			return out, err
		}
		changed := append(notIn(former, w.after), notIn(w.after, former)...)
		for i, e := range kinds {
			if !slices.ContainsFunc(changed, func(version string) bool { return e.by[version] }) {
				continue
			}
			is := admits(now, e)
			lost, opened := was[i].Intersect(will[i]).Minus(is), is.Minus(was[i].Union(will[i]))
			if !lost.IsEmpty() && t.isTangled(e) {
				out.tangled++
				lost = portset.Set{}
			}
			if !lost.IsEmpty() || !opened.IsEmpty() {
				out.breach = breach(e, lost, opened, t.writes[:n+1])
				return out, nil
			}
		}
		former = w.after
	}
	return out, nil
}

func admits(ns *evaluator.Namespace, e ends) portset.Set {
	return ns.Admits(e.direction, e.pod, e.other).Ports
}

// notIn returns the versions of policies that are among the former and not among the latter.
func notIn(former, latter policySet) []string {
	var out []string
	for name, p := range former {
		if q := latter[name]; q == nil || versionOf(q) != versionOf(p) {
			out = append(out, versionOf(p))
		}
	}
	return out
}

func breach(e ends, lost, opened portset.Set, writes []write) string {
	var out strings.Builder
	if !lost.IsEmpty() {
		fmt.Fprintf(&out, "%s was cut off on %s, and is allowed before and after, ", e, lost)
	} else {
		fmt.Fprintf(&out, "%s was opened on %s, and is allowed neither before nor after, ", e, opened)
	}
	out.WriteString("by the last of:\n")
	for _, w := range writes {
		out.WriteString(w.what + "\n")
	}
	return out.String()
}

// isTangled says whether ends are in the one case in which, without policies made for the transition alone, something must
// either be cut off for a moment or be opened too far: several new policies begin to isolate a pod that none isolated, while
// others of their pods were isolated already; or the same in reverse.
func (t *transition) isTangled(e ends) bool {
	isolated := func(ns *evaluator.Namespace) bool { return len(ns.Isolating(e.direction, e.pod)) > 0 }
	return !isolated(t.was) && tangled(e.pod, t.after, t.before) || !isolated(t.will) && tangled(e.pod, t.before, t.after)
}

// tangled looks at those of the policies that are not among the others: at a group of them which overlap, and of which one
// selects the pod.
func tangled(pod *snapshot.Pod, policies, others policySet) bool {
	group := policySet{}
	for grown := true; grown; {
		grown = false
		for name, p := range policies {
			if group[name] != nil || others[name] != nil {
				continue
			}
			selects, err := selector.Matches(&p.Spec.PodSelector, pod.Labels)
			if err == nil && selects || overlapsAny(p, group) {
				group[name], grown = p, true
			}
		}
	}
	return len(group) > 1 && slices.ContainsFunc(slices.Collect(maps.Values(others)), func(p *networkingv1.NetworkPolicy) bool { return overlapsAny(p, group) })
}

func overlapsAny(p *networkingv1.NetworkPolicy, group policySet) bool {
	for _, q := range group {
		if selector.Overlap(&p.Spec.PodSelector, &q.Spec.PodSelector) {
			return true
		}
	}
	return false
}
