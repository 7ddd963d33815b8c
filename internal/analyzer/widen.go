package analyzer

import (
	"cmp"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// WidenInput is what decides whether a profile is isolated in a namespace. All lists are in any order.
type WidenInput struct {
	Namespace snapshot.Namespace
	// Outputs are what each profile wants in the namespace, all of them.
	Outputs []compiler.Output
	// Live are all policies that are in the namespace, ours and others.
	Live []*networkingv1.NetworkPolicy
	// Pods are the running pods of the namespace, with ports and addresses.
	Pods []snapshot.Pod
}

// Widening is what one policy admits for the pods of a tier, in one direction, that no profile declares.
type Widening struct {
	// Profile is the one whose pods are concerned.
	Profile snapshot.ProfileKey
	// Tier is empty for the pods that no tier of the profile selects.
	Tier   string
	Policy string
	// Edited: the policy is one of a profile, and somebody has changed it since.
	Edited    bool
	Direction networkpolicy.Direction
	// Opens says what is admitted; what is declared of it is left out as a rule, or part of a peer.
	Opens []Opening
	// Today: pods that run now are concerned, and Opens is about them. Otherwise a pod could be, that both selectors choose.
	Today bool
	// When says what it takes where not Today; empty otherwise.
	When string
	// Undecided says why it cannot be told whether the policy widens anything; Opens is empty then.
	Undecided string
}

// Opening is some peers and the ports that are open to them, in words.
type Opening struct {
	// Peer is such as "any pod of any namespace".
	Peer string
	// Ports are such as "TCP/53, UDP/53" or "every port".
	Ports string
}

// Widened returns what policies that are not declared by any profile add to what profiles declare, for each tier of a profile that
// acts in the namespace or is previewed there, and for the pods in none of its tiers where it isolates them. The answer is made from
// selectors, addresses and ports, not from the pods that happen to run, so that it holds for those that come, too. Pods on the
// host network are not concerned. There is one Widening a profile, tier, policy and direction, in that order.
//
// Declared is what profiles that enforce want; of those that do not, the policies that are still as they were written. Peers that
// are addresses are taken for addresses outside the cluster. A name of a port is taken for the numbers that known pods give it,
// if any do. An error names a policy that cannot be read.
func Widened(in WidenInput) ([]Widening, error) {
	in = in.sorted()
	var out []Widening
	budget := selector.NewBudget(maxSteps)
	for _, o := range in.Outputs {
		subjects, err := subjectsOf(o, in.Namespace)
		if err != nil {
			return nil, err
		}
		if len(subjects) == 0 {
			continue
		}
		declared, foreign := in.sides(o)
		list, err := in.judge(o.Profile.Key, subjects, declared, foreign, budget)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// sorted returns the input in an order that does not depend on that which is given.
func (in WidenInput) sorted() WidenInput {
	in.Outputs = slices.Clone(in.Outputs)
	slices.SortFunc(in.Outputs, func(a, b compiler.Output) int { return a.Profile.Compare(b.Profile) })
	in.Live = slices.Clone(in.Live)
	slices.SortFunc(in.Live, func(a, b *networkingv1.NetworkPolicy) int { return cmp.Compare(a.Name, b.Name) })
	return in
}

// subject is a number of pods that a profile isolates: those of a tier, or those in none.
type subject struct {
	tier string
	pods podSet
}

// podSet is the pods that all selectors of one list match and none of the other.
type podSet struct{ all, none []*metav1.LabelSelector }

// and returns the pods of the set that the selector matches, too.
func (s podSet) and(also *metav1.LabelSelector) podSet {
	return podSet{append(slices.Clone(s.all), also), s.none}
}

// butNot returns the pods of the set that the selector does not match.
func (s podSet) butNot(other *metav1.LabelSelector) podSet {
	return podSet{s.all, append(slices.Clone(s.none), other)}
}

// possible says whether a pod could be in the set.
func (s podSet) possible(budget *selector.Budget) (bool, error) {
	_, ok, err := budget.Witness(s.all, s.none)
	return ok, err
}

// among returns those of the pods that are in the set.
func (s podSet) among(pods []snapshot.Pod) ([]snapshot.Pod, error) {
	var wanted []labels.Selector
	for _, each := range slices.Concat(s.all, s.none) {
		compiled, err := selector.Compile(each)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, compiled)
	}
	return slices.DeleteFunc(slices.Clone(pods), func(pod snapshot.Pod) bool {
		for i, each := range wanted {
			if each.Matches(labels.Set(pod.Labels)) != (i < len(s.all)) {
				return true
			}
		}
		return false
	}), nil
}

// subjectsOf returns the pods that a profile isolates in a namespace, or would; the tiers by name, then the pods in none.
func subjectsOf(o compiler.Output, ns snapshot.Namespace) ([]subject, error) {
	if !o.Selected || (o.Disposition != compiler.Enforce && o.Disposition != compiler.Preview) {
		return nil, nil
	}
	var out []subject
	var tiers []*metav1.LabelSelector
	for _, tier := range o.Profile.Tiers {
		lives, err := snapshot.TierLivesIn(tier, ns)
		if err != nil {
			return nil, fmt.Errorf("tier %s of %s: %w", tier.Name, o.Profile.Key, err)
		}
		if !lives {
			continue
		}
		s := selector.FromAPI(tier.PodSelector)
		tiers = append(tiers, s)
		out = append(out, subject{tier.Name, podSet{all: []*metav1.LabelSelector{s}}})
	}
	slices.SortFunc(out, func(a, b subject) int { return cmp.Compare(a.tier, b.tier) })
	if o.Profile.Isolation == v1alpha1.IsolationNamespace {
		out = append(out, subject{"", podSet{none: tiers}})
	}
	return out, nil
}

// maxSteps bounds what Widened, and each of its like, does in one namespace: what remains then is undecided. It must end in
// about a second whatever policies people write.
const maxSteps = 500_000

// judge asks of each subject what each policy of the other side adds, until the budget is spent.
func (in WidenInput) judge(profile snapshot.ProfileKey, subjects []subject, declared, others []side, budget *selector.Budget) ([]Widening, error) {
	place := newNeighbourhood(in)
	place.budget = budget
	declaredRules, err := place.readAll(declared)
	if err != nil {
		return nil, err
	}
	otherRules, err := place.readAll(others)
	if err != nil {
		return nil, err
	}
	var out []Widening
	for _, s := range subjects {
		running, err := s.pods.among(place.pods)
		if err != nil {
			return nil, err
		}
		for _, other := range otherRules {
			for _, direction := range []networkpolicy.Direction{networkpolicy.Egress, networkpolicy.Ingress} {
				w, found, err := place.widening(s.pods, running, other, declaredRules, direction)
				if err != nil {
					return nil, fmt.Errorf("judge what NetworkPolicy %s adds to %s: %w", other.name, profile, err)
				}
				if found {
					w.Profile, w.Tier, w.Policy, w.Edited, w.Direction = profile, s.tier, other.name, other.edited, direction
					out = append(out, w)
				}
				if budget.IsSpent() {
					return append(out, Widening{
						Profile: profile, Tier: s.tier, Policy: other.name, Edited: other.edited, Direction: direction, Undecided: tooComplex(other.name),
					}), nil
				}
			}
		}
	}
	return out, nil
}
