package compiler

import (
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
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
	out, lives := decide(s, p, func() bool { return isValid(p) })
	if lives == nil {
		return out
	}
	return newCompilation(s, p, lives).output(out)
}

// decide says what a profile wants of its policies in the snapshot's namespace and, where that is to be compiled, which of its
// tiers live there, in the order of tiers; nil where it is not.
func decide(s snapshot.Snapshot, p snapshot.Profile, valid func() bool) (Output, []bool) {
	out := Output{Profile: p}
	selects, err := p.Selects(s.Namespace)
	if err != nil {
		out.Disposition = Freeze
		return out, nil
	}
	out.Protected = selects && s.Options.Protected(s.Namespace.Name)
	out.Selected = selects && !out.Protected
	if s.Options.PreviewOnly {
		out.Disposition = lookOnly(p, out, valid)
	} else {
		out.Disposition = dispose(p, out, valid)
	}
	if out.Disposition != Enforce && out.Disposition != Preview {
		return out, nil
	}
	lives := make([]bool, len(p.Tiers))
	for i, tier := range p.Tiers {
		if lives[i], err = snapshot.TierLivesIn(tier, s.Namespace); err != nil {
			out.Disposition = Freeze
			return out, nil
		}
	}
	return out, lives
}

func isValid(p snapshot.Profile) bool { return len(validation.Validate(p)) == 0 }

// dispose says what a profile wants of its policies in a namespace that it selects, or would were it not protected.
func dispose(p snapshot.Profile, out Output, valid func() bool) Disposition {
	switch {
	case p.Orphaning || p.Unguarded:
		return Freeze
	case p.Deleting:
		return Parting(p)
	case out.Protected:
		return Remove
	case !valid():
		// Also when the namespace is not selected: an invalid spec takes nothing away.
		return Freeze
	case !out.Selected:
		return Remove
	case p.Mode == v1alpha1.ModePreview:
		return Preview
	}
	return Enforce
}

// lookOnly says what a profile may want where nothing is written: what it would enforce is previewed, all else stays as
// it is.
func lookOnly(p snapshot.Profile, out Output, valid func() bool) Disposition {
	// What guards the deletion of policies is not needed where none is written.
	p.Unguarded = false
	switch disposition := dispose(p, out, valid); disposition {
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
