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

// Disposition says what a profile wants of its policies in a namespace.
type Disposition string

const (
	// Enforce means: the live policies shall equal Output.Policies.
	Enforce Disposition = "Enforce"
	// Preview means: Output.Policies is what Enforce would want; the live ones stay as they are.
	Preview Disposition = "Preview"
	// Freeze means: it is not known what the profile wants; the live ones stay as they are.
	Freeze Disposition = "Freeze"
	// Remove means: the profile wants nothing here; its live policies go.
	Remove Disposition = "Remove"
	// Release means: the profile goes and its live policies stay, enforced and without an owner.
	Release Disposition = "Release"
)

// Output is what one profile wants in one namespace.
type Output struct {
	Profile     snapshot.Profile
	Disposition Disposition
	// Selected: the profile acts in this namespace. Protected: it would, were the namespace not protected.
	Selected, Protected bool
	// TooLarge says which of its policies would be larger than what can be stored, and what to do; empty when none is. The
	// profile is then frozen.
	TooLarge string
	// Policies are sorted by name; empty for Freeze, Remove and Release.
	Policies []networkingv1.NetworkPolicy
	// Flows are what the policies open, in the order of tiers and entries; empty like Policies.
	Flows []Flow
	// Findings of the compilation, sorted.
	Findings []v1alpha1.Finding
	// Facts are those that the policies and findings depend on, sorted.
	Facts []snapshot.Fact
}

// Compile returns what each profile of the snapshot wants in the snapshot's namespace, in the snapshot's order of
// profiles. Equal input gives equal bytes. A profile that is invalid, or of which something cannot be known, is frozen;
// it never affects the others.
func Compile(s snapshot.Snapshot) []Output {
	outputs := make([]Output, 0, len(s.Profiles))
	for _, p := range s.Profiles {
		outputs = append(outputs, compileProfile(s, p))
	}
	return outputs
}

func compileProfile(s snapshot.Snapshot, p snapshot.Profile) Output {
	out := Output{Profile: p}
	selects, err := p.Selects(s.Namespace)
	if err != nil {
		out.Disposition = Freeze
		return out
	}
	out.Protected = selects && s.Options.Protected(s.Namespace.Name)
	out.Selected = selects && !out.Protected
	out.Disposition = dispose(p, out.Selected, out.Protected)
	if s.Options.PreviewOnly {
		out.Disposition = lookOnly(p, out)
	}
	if out.Disposition != Enforce && out.Disposition != Preview {
		return out
	}
	c := newCompilation(s, p)
	policies, err := c.policies()
	var tooLarge *tooLargeError
	switch {
	case errors.As(err, &tooLarge):
		// The facts found so far are what made it too large: when one changes, it may no longer be.
		out.Disposition, out.TooLarge, c.flows = Freeze, tooLarge.message, nil
		c.find(v1alpha1.CodePolicyTooLarge, tooLarge.place, "%s", tooLarge.message)
	case err != nil:
		return Output{Profile: p, Disposition: Freeze, Selected: out.Selected}
	}
	out.Policies, out.Flows, out.Findings = policies, c.flows, finding.Sort(c.findings)
	out.Facts = slices.SortedFunc(maps.Keys(c.facts), snapshot.Fact.Compare)
	return out
}

// dispose says what a profile wants of its policies in a namespace that it selects, or would were it not protected.
func dispose(p snapshot.Profile, selected, protected bool) Disposition {
	switch {
	case p.Orphaning || p.Unguarded:
		return Freeze
	case p.Deleting:
		return Parting(p)
	case protected:
		return Remove
	case len(validation.Validate(p)) > 0:
		// Also when the namespace is not selected: an invalid spec takes nothing away.
		return Freeze
	case !selected:
		return Remove
	case p.Mode == v1alpha1.ModePreview:
		return Preview
	}
	return Enforce
}

// lookOnly says what a profile may want where nothing is written: what it would enforce is previewed, all else stays as
// it is.
func lookOnly(p snapshot.Profile, out Output) Disposition {
	// What guards the deletion of policies is not needed where none is written.
	p.Unguarded = false
	switch disposition := dispose(p, out.Selected, out.Protected); disposition {
	case Enforce, Preview:
		return Preview
	default:
		return Freeze
	}
}

// Parting says what a profile that is being deleted, or is gone, wants of its policies, wherever they are.
func Parting(p snapshot.Profile) Disposition {
	if p.Retains() {
		return Release
	}
	return Remove
}

// compilation is the work on one profile in one namespace.
type compilation struct {
	snapshot snapshot.Snapshot
	profile  snapshot.Profile
	flows    []Flow
	findings []v1alpha1.Finding
	facts    map[snapshot.Fact]bool
	memo     memo
	// dns is what opens the cluster's DNS; nil until a tier needs it.
	dns []flow
}

func newCompilation(s snapshot.Snapshot, p snapshot.Profile) *compilation {
	return &compilation{snapshot: s, profile: p, facts: map[snapshot.Fact]bool{}, memo: newMemo()}
}

func (c *compilation) policies() ([]networkingv1.NetworkPolicy, error) {
	var policies []networkingv1.NetworkPolicy
	size := 0
	for _, tier := range c.profile.Tiers {
		lives, err := snapshot.TierLivesIn(tier, c.snapshot.Namespace)
		if err != nil {
			return nil, err
		}
		if !lives {
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
func (c *compilation) read(fact snapshot.Fact) { c.facts[fact] = true }

func (c *compilation) find(code v1alpha1.FindingCode, place, format string, args ...any) {
	// Without a namespace: most of what the compiler finds follows from the profile and the cluster, and holds in every one.
	c.findings = append(c.findings, finding.New(code, "", place, format, args...))
}

// findHere notes a finding that may not hold in other namespaces.
func (c *compilation) findHere(code v1alpha1.FindingCode, place, format string, args ...any) {
	c.findings = append(c.findings, finding.New(code, c.snapshot.Namespace.Name, place, format, args...))
}
