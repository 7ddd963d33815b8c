package selector

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ErrTooComplex is the error of a search that would take more steps than it may: then it is not known whether there is such an
// object.
var ErrTooComplex = errors.New("the label selectors are too many to search")

// MaxSearch is how many steps Witness takes at most.
const MaxSearch = 1_000_000

// Budget bounds what a number of searches cost together. A step takes a few microseconds at most: it reads a requirement of a selector,
// or looks once at one that must not be met. The zero value allows none.
type Budget struct{ left int }

// NewBudget allows so many steps.
func NewBudget(steps int) *Budget { return &Budget{left: steps} }

// Spend takes steps away. The error is ErrTooComplex when there were not as many left.
func (b *Budget) Spend(steps int) error {
	if b.left -= steps; b.left < 0 {
		b.left = 0
		return ErrTooComplex
	}
	return nil
}

// IsSpent says whether no step is left.
func (b *Budget) IsSpent() bool { return b.left == 0 }

// Witness says whether some object could match all selectors of one list and none of another, and returns the labels of one:
// a label is absent where that will do, and otherwise has a value that no selector names where that will do. The answer is
// exact. Equal selectors in equal order give equal labels. Nil matches nothing, so a nil in all means that there is no such object,
// and a nil in none means nothing. Without any selector the labels are empty, never nil when ok. The error is ErrTooComplex, or
// says which requirement cannot be read.
func Witness(all, none []*metav1.LabelSelector) (objectLabels map[string]string, ok bool, err error) {
	return NewBudget(MaxSearch).Witness(all, none)
}

// Witness is like the function, and takes its steps from the budget.
func (b *Budget) Witness(all, none []*metav1.LabelSelector) (objectLabels map[string]string, ok bool, err error) {
	if slices.Contains(all, nil) {
		return nil, false, nil
	}
	required, refused, err := readAll(all, none)
	if err != nil {
		return nil, false, err
	}
	if err := b.Spend(stepsToRead(required) + stepsToRead(refused)); err != nil {
		return nil, false, err
	}
	s := newSearch(append(slices.Concat(required...), slices.Concat(refused...)...))
	s.budget = b
	for _, r := range slices.Concat(required...) {
		if !s.domains[r.Key].keep(s.meaning(r)) {
			return nil, false, nil
		}
	}
	for _, list := range refused {
		literals := s.literals(list)
		s.refused = append(s.refused, literals)
		for _, l := range literals {
			s.cost += 1 + len(l.meaning)/valuesPerStep
		}
	}
	found, err := s.solve()
	if err != nil || !found {
		return nil, false, err
	}
	return s.labels(), true, nil
}

// stepsToRead is what it costs to read requirements: 1 each, and 1 for every few of its values.
func stepsToRead(lists [][]metav1.LabelSelectorRequirement) int {
	steps := 1
	for _, list := range lists {
		for _, r := range list {
			steps += 1 + len(r.Values)/valuesPerStep
		}
	}
	return steps
}

// valuesPerStep is how many values of a label are looked at in the time of a step.
const valuesPerStep = 16

// readAll returns the requirements of selectors, without those of nil.
func readAll(all, none []*metav1.LabelSelector) (required, refused [][]metav1.LabelSelectorRequirement, err error) {
	for _, s := range all {
		list, err := requirementsOf(s)
		if err != nil {
			return nil, nil, err
		}
		required = append(required, list)
	}
	for _, s := range none {
		if s == nil {
			continue
		}
		list, err := requirementsOf(s)
		if err != nil {
			return nil, nil, err
		}
		refused = append(refused, list)
	}
	return required, refused, nil
}

// requirementsOf returns what a selector requires, by key where it lists labels.
func requirementsOf(s *metav1.LabelSelector) ([]metav1.LabelSelectorRequirement, error) {
	var out []metav1.LabelSelectorRequirement
	for _, key := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		out = append(out, In(key, s.MatchLabels[key]))
	}
	for _, e := range s.MatchExpressions {
		listed := false
		switch e.Operator {
		case metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn:
			listed = true
		case metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist:
		default:
			return nil, fmt.Errorf("read label selector: %q of label %q is no operator", e.Operator, e.Key)
		}
		if listed != (len(e.Values) > 0) {
			return nil, fmt.Errorf("read label selector: %s of label %q with %d values", e.Operator, e.Key, len(e.Values))
		}
		out = append(out, e)
	}
	return out, nil
}

// search looks for a label, or its absence, for every key. Keys do not depend on each other but through the refused selectors:
// each must fail in one of its requirements.
type search struct {
	// values are those that requirements name, by key.
	values  map[string][]string
	domains map[string]domain
	refused [][]literal
	// cost is how many steps it takes to look at all refused selectors once.
	cost   int
	budget *Budget
}

// literal is a requirement: the values of a key that meet it.
type literal struct {
	key     string
	meaning domain
}

// domain is a set of what a label can be: absent, of a value that nobody names, or one of the values that are named.
type domain []bool

const (
	absent = iota
	fresh
	firstNamed
)

func newSearch(requirements []metav1.LabelSelectorRequirement) *search {
	s := &search{values: map[string][]string{}, domains: map[string]domain{}}
	for _, r := range requirements {
		s.values[r.Key] = append(s.values[r.Key], r.Values...)
	}
	for key, values := range s.values {
		slices.Sort(values)
		s.values[key] = slices.Compact(values)
		s.domains[key] = slices.Repeat(domain{true}, firstNamed+len(s.values[key]))
	}
	return s
}

// meaning returns what the label can be for the requirement to be met.
func (s *search) meaning(r metav1.LabelSelectorRequirement) domain {
	out := make(domain, len(s.domains[r.Key]))
	negated := r.Operator == metav1.LabelSelectorOpNotIn || r.Operator == metav1.LabelSelectorOpDoesNotExist
	for i := range out {
		met := i != absent
		if len(r.Values) > 0 {
			met = i >= firstNamed && slices.Contains(r.Values, s.values[r.Key][i-firstNamed])
		}
		out[i] = met != negated
	}
	return out
}

// literals returns the requirements of one selector, those on the same key as one.
func (s *search) literals(requirements []metav1.LabelSelectorRequirement) []literal {
	var out []literal
	for _, r := range requirements {
		if i := slices.IndexFunc(out, func(l literal) bool { return l.key == r.Key }); i >= 0 {
			out[i].meaning.keep(s.meaning(r))
			continue
		}
		out = append(out, literal{r.Key, s.meaning(r)})
	}
	return out
}

// solve narrows the domains until every refused selector fails, and says whether that is possible. Domains are as they were
// when it is not.
func (s *search) solve() (bool, error) {
	if err := s.budget.Spend(s.cost); err != nil {
		return false, err
	}
	choices, open := s.fewestChoices()
	if !open {
		return true, nil
	}
	before := map[string]domain{}
	for _, l := range choices {
		if before[l.key] == nil {
			before[l.key] = slices.Clone(s.domains[l.key])
		}
		saved := slices.Clone(s.domains[l.key])
		s.domains[l.key].remove(l.meaning)
		found, err := s.solve()
		if found || err != nil {
			return found, err
		}
		// Nothing was found where this requirement fails, so from here on it is met.
		copy(s.domains[l.key], saved)
		s.domains[l.key].keep(l.meaning)
	}
	maps.Copy(s.domains, before)
	return false, nil
}

// fewestChoices returns the requirements of a refused selector that does not fail yet, less those that cannot fail: of
// the selector that leaves the fewest. False when all fail.
func (s *search) fewestChoices() ([]literal, bool) {
	var fewest []literal
	open := false
	for _, list := range s.refused {
		var choices []literal
		fails := false
		for _, l := range list {
			meets, misses := s.domains[l.key].split(l.meaning)
			fails = fails || !meets
			if misses {
				choices = append(choices, l)
			}
		}
		if !fails && (!open || len(choices) < len(fewest)) {
			fewest, open = choices, true
		}
	}
	return fewest, open
}

// labels returns labels within the domains.
func (s *search) labels() map[string]string {
	out := map[string]string{}
	for key, d := range s.domains {
		switch i := slices.Index(d, true); i {
		case absent:
		case fresh:
			out[key] = freshValue(s.values[key])
		default:
			out[key] = s.values[key][i-firstNamed]
		}
	}
	return out
}

// freshValue returns a value that is none of these.
func freshValue(values []string) string {
	value := "other"
	for i := 2; slices.Contains(values, value); i++ {
		value = fmt.Sprintf("other-%d", i)
	}
	return value
}

// keep takes away what is not in the other set and says whether anything is left.
func (d domain) keep(other domain) bool {
	for i := range d {
		d[i] = d[i] && other[i]
	}
	return slices.Contains(d, true)
}

// remove takes away what is in the other set.
func (d domain) remove(other domain) {
	for i := range d {
		d[i] = d[i] && !other[i]
	}
}

// split says whether something is in both sets, and whether something is in this one only.
func (d domain) split(other domain) (both, only bool) {
	for i := range d {
		both = both || (d[i] && other[i])
		only = only || (d[i] && !other[i])
	}
	return both, only
}

// The prefixes of keys in a Product.
const (
	productOfNamespace = "namespace"
	productOfPod       = "pod"
)

// Product returns a selector of pairs, a namespace and a pod in it, as one selector of one object that bears the labels of both:
// those of the namespace under keys that begin with "namespace", those of the pod under keys that begin with "pod", so that
// they never meet. A nil pod selector means every pod; a nil namespace selector matches nothing and gives nil.
func Product(namespace, pod *metav1.LabelSelector) *metav1.LabelSelector {
	if namespace == nil {
		return nil
	}
	out := &metav1.LabelSelector{}
	for prefix, s := range map[string]*metav1.LabelSelector{productOfNamespace: namespace, productOfPod: pod} {
		if s == nil {
			continue
		}
		for key, value := range s.MatchLabels {
			if out.MatchLabels == nil {
				out.MatchLabels = map[string]string{}
			}
			out.MatchLabels[productKey(prefix, key)] = value
		}
		for _, e := range s.MatchExpressions {
			out.MatchExpressions = append(out.MatchExpressions, metav1.LabelSelectorRequirement{
				Key: productKey(prefix, e.Key), Operator: e.Operator, Values: slices.Clone(e.Values),
			})
		}
	}
	return Canonical(out)
}

// productKey returns a key that is as valid as the given one: "app" becomes "pod/app", "example.com/app" becomes
// "pod.example.com/app".
func productKey(prefix, key string) string {
	if strings.Contains(key, "/") {
		return prefix + "." + key
	}
	return prefix + "/" + key
}
