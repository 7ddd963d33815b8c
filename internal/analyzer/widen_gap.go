package analyzer

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// question is what declared policies leave uncovered for some pods in one direction.
type question struct {
	*neighbourhood
	direction networkpolicy.Direction
	pods      podSet
	// known are running pods of the set.
	known []snapshot.Pod
	// running: the question is about the known pods and no others.
	running bool
	covers  []cover
	// all and none are those of pods, as selectors of pairs: one of these pods, and a peer.
	all, none []*metav1.LabelSelector
}

// stepsPerCover is what it costs to make selectors of pairs of a declared peer.
const stepsPerCover = 4

// stepsToWord is what it costs to put a peer into words.
const stepsToWord = 2

// cover is a declared rule.
type cover struct {
	// policy is the index of the rule's policy, which selects these pods.
	policy int
	pods   *metav1.LabelSelector
	rule   *readRule
	// ports are the numbers, with those for which known pods agree that a name stands.
	ports portset.Set
	// own and others are the rule's peers, as selectors of pairs: a pod that the policy selects, and a peer.
	own, others []*metav1.LabelSelector
}

// gap is what is left uncovered of a policy, by the rules and peers that admit it.
type gap struct {
	peers map[peerOf]*peerGap
	// undecided says why it cannot be told whether there is more.
	undecided string
}

// peerOf is a peer by index, in a rule by index.
type peerOf struct{ rule, peer int }

type peerGap struct {
	regions regions
	ports   portset.Set
	names   map[portName]bool
}

// regions are the parts of the world that a peer has something in.
type regions struct{ own, others, outside bool }

func (r regions) isEmpty() bool { return r == regions{} }

func (r regions) union(s regions) regions {
	return regions{r.own || s.own, r.others || s.others, r.outside || s.outside}
}

// widening says what a policy adds to declared ones for some pods, of which some run, and whether it adds anything or that cannot be
// told.
func (n *neighbourhood) widening(pods podSet, running []snapshot.Pod, other readPolicy, declared []readPolicy, direction networkpolicy.Direction) (Widening, bool, error) {
	if len(other.rules(direction)) == 0 {
		return Widening{}, false, nil
	}
	pods = pods.and(other.pods)
	possible, err := pods.possible(n.budget)
	switch {
	case errors.Is(err, selector.ErrTooComplex):
		return Widening{Undecided: tooComplex(other.name)}, true, nil
	case err != nil || !possible:
		return Widening{}, false, err
	}
	var known []snapshot.Pod
	for _, pod := range running {
		if other.selects.Matches(labels.Set(pod.Labels)) {
			known = append(known, pod)
		}
	}
	found, today, err := n.leftUncovered(pods, known, other, declared, direction)
	if err != nil {
		return Widening{}, false, err
	}
	w := Widening{Opens: found.openings(other.rules(direction)), Today: today}
	switch {
	case len(w.Opens) == 0:
		w.Undecided = found.undecided
	case !today:
		w.When = whenInWords(known)
	}
	return w, len(w.Opens) > 0 || w.Undecided != "", nil
}

// leftUncovered returns what a policy admits and declared ones do not: for pods that run now or, when that is nothing, for pods that
// could be.
func (n *neighbourhood) leftUncovered(pods podSet, known []snapshot.Pod, other readPolicy, declared []readPolicy, direction networkpolicy.Direction) (found gap, today bool, err error) {
	found = gap{peers: map[peerOf]*peerGap{}}
	if err := n.today(known, other, declared, direction, &found); err != nil || len(found.peers) > 0 {
		return found, len(found.peers) > 0, found.orTooComplex(err, other.name)
	}
	q, err := n.ask(pods, known, declared, direction)
	if err == nil {
		err = q.answer(other, &found)
	}
	return found, false, found.orTooComplex(err, other.name)
}

// orTooComplex notes that the search went on for too long, and returns any other error.
func (g *gap) orTooComplex(err error, policy string) error {
	if errors.Is(err, selector.ErrTooComplex) {
		g.undecided = tooComplex(policy)
		return nil
	}
	return err
}

func tooComplex(policy string) string {
	return fmt.Sprintf("the label selectors of NetworkPolicy %s and of the profiles are too many to be compared", policy)
}

// matchesPerStep is how many pods are compared with a selector in the time of a step.
const matchesPerStep = 16

// today adds what is left uncovered for pods that run now, asked once for those that the same declared policies select.
func (n *neighbourhood) today(known []snapshot.Pod, other readPolicy, declared []readPolicy, direction networkpolicy.Direction, found *gap) error {
	if err := n.budget.Spend(len(known) * (1 + len(declared)/matchesPerStep)); err != nil {
		return err
	}
	groups := map[string][]snapshot.Pod{}
	for _, pod := range known {
		var key []byte
		for i := range declared {
			key = strconv.AppendBool(key, declared[i].selects.Matches(labels.Set(pod.Labels)))
		}
		groups[string(key)] = append(groups[string(key)], pod)
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		group := groups[key]
		var selecting []readPolicy
		for _, d := range declared {
			if d.selects.Matches(labels.Set(group[0].Labels)) {
				d.pods = &metav1.LabelSelector{}
				selecting = append(selecting, d)
			}
		}
		q, err := n.ask(podSet{}, group, selecting, direction)
		if err != nil {
			return err
		}
		q.running = true
		if err := q.answer(other, found); err != nil {
			return err
		}
	}
	return nil
}

// ask prepares a question. Declared policies that select none of the pods are left out.
func (n *neighbourhood) ask(pods podSet, known []snapshot.Pod, declared []readPolicy, direction networkpolicy.Direction) (*question, error) {
	q := &question{neighbourhood: n, direction: direction, pods: pods, known: known}
	for _, s := range pods.all {
		q.all = append(q.all, selector.Product(s, nil))
	}
	for _, s := range pods.none {
		q.none = append(q.none, selector.Product(s, nil))
	}
	for i, d := range declared {
		possible, err := pods.and(d.pods).possible(n.budget)
		if err != nil && !errors.Is(err, selector.ErrTooComplex) {
			return nil, err
		}
		if err == nil && !possible {
			continue
		}
		rules := d.rules(direction)
		for j := range rules {
			if err := n.budget.Spend(1 + stepsPerCover*len(rules[j].peers)); err != nil {
				return nil, err
			}
			q.covers = append(q.covers, q.cover(i, d.pods, &rules[j]))
		}
	}
	return q, nil
}

func (q *question) cover(policy int, pods *metav1.LabelSelector, rule *readRule) cover {
	out := cover{policy: policy, pods: pods, rule: rule, ports: rule.numbers}
	for _, name := range rule.names {
		out.ports = out.ports.Union(q.agreed(name))
	}
	for _, peer := range rule.peers {
		if peer.own != nil {
			out.own = append(out.own, selector.Product(pods, peer.own))
		}
		if peer.others != nil {
			out.others = append(out.others, selector.Product(pods, peer.others))
		}
	}
	return out
}

// answer adds what is left uncovered of a policy.
func (q *question) answer(other readPolicy, found *gap) error {
	for i, rule := range other.rules(q.direction) {
		atoms, err := q.atoms(rule)
		if err != nil {
			return err
		}
		for _, a := range atoms {
			for j, peer := range rule.peers {
				if q.budget.IsSpent() {
					return selector.ErrTooComplex
				}
				left, err := q.uncovered(peer, a, func(err error) error { return found.tolerate(err, other.name, peer) })
				if err != nil {
					return err
				}
				if left.isEmpty() {
					continue
				}
				found.add(peerOf{i, j}, left, a)
				if err := q.budget.Spend(stepsToWord); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// tolerate notes an error that says that something cannot be told, and returns any other.
func (g *gap) tolerate(err error, policy string, peer readPeer) error {
	switch {
	case errors.Is(err, errPodAddresses) && peer.given == nil:
		// Everybody means pods as pods, not by their addresses.
		return nil
	case errors.Is(err, errPodAddresses):
		g.undecided = fmt.Sprintf("NetworkPolicy %s names %s, where only pods are, and whether addresses mean pods depends on the network plugin", policy, blockInWords(*peer.given.IPBlock))
		return nil
	}
	return g.orTooComplex(err, policy)
}

func (g *gap) add(at peerOf, left regions, a atom) {
	p := g.peers[at]
	if p == nil {
		p = &peerGap{names: map[portName]bool{}}
		g.peers[at] = p
	}
	p.regions = p.regions.union(left)
	if a.name != nil {
		p.names[*a.name] = true
		return
	}
	p.ports = p.ports.Union(a.ports)
}

// uncovered returns the regions in which the peer has somebody whom no declared rule admits on a port, for some pod.
func (q *question) uncovered(peer readPeer, a atom, tolerate func(error) error) (regions, error) {
	var left regions
	var err error
	if peer.own != nil {
		left.own, err = q.someone(nil, peer.ownPair, a, func(c *cover) []*metav1.LabelSelector { return c.own })
		if err = tolerate(err); err != nil {
			return left, err
		}
	}
	if peer.others != nil {
		left.others, err = q.someone(q.elsewhere, peer.othersPair, a, func(c *cover) []*metav1.LabelSelector { return c.others })
		if err = tolerate(err); err != nil {
			return left, err
		}
	}
	// A name means nothing at an address.
	if len(peer.addresses) > 0 && (a.name == nil || q.direction == networkpolicy.Ingress) {
		left.outside, err = q.someAddress(peer.addresses, a)
		err = tolerate(err)
	}
	return left, err
}

// someone says whether there could be a pod, and a peer, which selectors of pairs match, such that no declared rule admits the two.
func (q *question) someone(also, peer *metav1.LabelSelector, a atom, covered func(*cover) []*metav1.LabelSelector) (bool, error) {
	all := append(slices.Clone(q.all), peer)
	if also != nil {
		all = append(all, also)
	}
	none := slices.Clone(q.none)
	for _, i := range a.covering {
		none = append(none, covered(&q.covers[i])...)
	}
	_, ok, err := q.budget.Witness(all, none)
	return ok, err
}
