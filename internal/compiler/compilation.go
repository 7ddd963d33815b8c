package compiler

import (
	"errors"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

// compilation is the work on one profile in one namespace.
type compilation struct {
	profile snapshot.Profile
	facts   snapshot.Facts
	options snapshot.Options
	here    here
	// lives says which tiers live here, in the order of tiers.
	lives    []bool
	flows    []Flow
	findings []v1alpha1.Finding
	// used are the facts that the outcome depends on.
	used map[snapshot.Fact]bool
	memo memo
	// dns is what opens the cluster's DNS; nil until a tier needs it.
	dns []flow
}

// here is the namespace at hand. Nothing else of a compilation tells one from another, so it knows for which others the outcome
// would be the same.
type here struct {
	name string
	// local: the outcome is for this namespace alone.
	local bool
	// others are those that it was held against and is not.
	others map[string]bool
}

// is says whether it is the namespace of this name.
func (h *here) is(namespace string) bool {
	if namespace == h.name {
		h.local = true
		return true
	}
	if h.others == nil {
		h.others = map[string]bool{}
	}
	h.others[namespace] = true
	return false
}

// itself is its name.
func (h *here) itself() string {
	h.local = true
	return h.name
}

func newCompilation(s snapshot.Snapshot, p snapshot.Profile, lives []bool) *compilation {
	return &compilation{
		profile: p, facts: s.Facts, options: s.Options, here: here{name: s.Namespace.Name}, lives: lives,
		used: map[snapshot.Fact]bool{}, memo: newMemo(),
	}
}

// output completes what was decided about the profile here.
func (c *compilation) output(out Output) Output {
	policies, err := c.policies()
	var tooLarge *tooLargeError
	switch {
	case errors.As(err, &tooLarge):
		// The facts found so far are what made it too large: when one changes, it may no longer be.
		out.Disposition, out.TooLarge, c.flows = Freeze, tooLarge.message, nil
		c.find(v1alpha1.CodePolicyTooLarge, tooLarge.place, "%s", tooLarge.message)
	case err != nil:
		return Output{Profile: out.Profile, Disposition: Freeze, Selected: out.Selected}
	}
	out.Policies, out.Flows, out.Findings = policies, c.flows, finding.Sort(c.findings)
	out.Facts = slices.SortedFunc(maps.Keys(c.used), snapshot.Fact.Compare)
	return out
}

func (c *compilation) policies() ([]networkingv1.NetworkPolicy, error) {
	policies := make([]networkingv1.NetworkPolicy, 0, len(c.profile.Tiers)+1)
	size := 0
	for i, tier := range c.profile.Tiers {
		if !c.lives[i] {
			continue
		}
		flows, err := c.tierFlows(tier)
		if err != nil {
			return nil, err
		}
		rules, err := c.rulesOf(tier, flows)
		if err != nil {
			return nil, err
		}
		if size += rules.size; size > validation.MaxProfileSize {
			return nil, profileTooLarge()
		}
		policy := c.tierPolicy(tier, rules, flows)
		c.checkSize(tier, policy, flows)
		policies = append(policies, policy)
		c.flows = slices.Grow(c.flows, len(flows))
		for _, f := range flows {
			c.flows = append(c.flows, Flow{tier.Name, f.entry, f.direction, f.peers.peers, f.ports, f.declared})
		}
	}
	if c.profile.Isolation == v1alpha1.IsolationNamespace {
		policies = append(policies, c.defaultDeny())
	}
	slices.SortFunc(policies, func(a, b networkingv1.NetworkPolicy) int { return strings.Compare(a.Name, b.Name) })
	return policies, nil
}

// read notes that the outcome depends on a fact.
func (c *compilation) read(fact snapshot.Fact) { c.used[fact] = true }

func (c *compilation) find(code v1alpha1.FindingCode, place, format string, args ...any) {
	// Without a namespace: most of what the compiler finds follows from the profile and the cluster, and holds in every one.
	c.findings = append(c.findings, finding.New(code, "", place, format, args...))
}

// findHere notes a finding that may not hold in other namespaces.
func (c *compilation) findHere(code v1alpha1.FindingCode, place, format string, args ...any) {
	c.findings = append(c.findings, finding.New(code, c.here.itself(), place, format, args...))
}
