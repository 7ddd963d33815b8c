package importer

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

// Input is what is imported: the policies of one namespace.
type Input struct {
	Namespace snapshot.Namespace
	// Policies are those to import, in any order; they may lack defaults. Beside are the others of the namespace, which stay.
	Policies, Beside []*networkingv1.NetworkPolicy
	// Name is that of the profile.
	Name string
	// Facts are what the cluster's DNS is looked up in.
	Facts   snapshot.Facts
	Options snapshot.Options
}

// Result is what came of it.
type Result struct {
	// Profile takes the place of the policies in Replaced; nil when those are none.
	Profile *v1alpha1.SegmentationProfile
	// Replaced are the names of the policies that the profile takes the place of, sorted.
	Replaced []string
	// LeftOut are the policies that it does not, sorted by name. They must stay.
	LeftOut []Omission
	// Remarks are what a reader of the profile should know, one sentence each.
	Remarks []string
}

// Omission is a policy that is left out.
type Omission struct {
	Policy string
	// Field is what cannot be said: "spec.ingress[0].from[1]"; empty when it is the whole.
	Field string
	// Reason says why.
	Reason string
}

// Why says what cannot be said and why.
func (o Omission) Why() string {
	if o.Field == "" {
		return o.Reason
	}
	return o.Field + ": " + o.Reason
}

// Import returns a profile that means the same as policies. Equal input, in whatever order, gives an equal result. An error means
// that nothing can be said: a policy cannot be read, there is too much to compare, or the profile turned out to differ.
func Import(in Input) (*Result, error) {
	sources, omissions := readAll(in.Policies)
	for {
		made, omission, err := attempt(in, sources)
		switch {
		case err != nil:
			return nil, err
		case omission == nil:
			return finish(in, made, sources, omissions)
		}
		// Without that policy all is translated anew: what it isolates decides what is open elsewhere.
		omissions = append(omissions, *omission)
		sources = slices.DeleteFunc(sources, func(s source) bool { return s.name == omission.Policy })
	}
}

// made is a profile, with the policies that it becomes; nil when it would say nothing.
type made struct {
	profile  *v1alpha1.SegmentationProfile
	policies []*networkingv1.NetworkPolicy
	remarks  []string
}

// attempt makes a profile of sources, or says which of them it cannot have beside the others.
func attempt(in Input, sources []source) (*made, *Omission, error) {
	t, omission := translate(in, sources)
	if omission != nil || len(sources) == 0 {
		return nil, omission, nil
	}
	out := &made{profile: t.profile(in), remarks: t.remarks}
	p := snapshot.FromSegmentationProfile(out.profile)
	if errs := validation.Validate(p); len(errs) > 0 {
		if omission := t.refused(in, sources, errs); omission != nil {
			return nil, omission, nil
		}
		return nil, nil, fmt.Errorf("make a profile of %d NetworkPolicies in namespace %s: %w", len(sources), in.Namespace.Name, errs.ToAggregate())
	}
	output := compiler.Compile(snapshot.Snapshot{Namespace: in.Namespace, Profiles: []snapshot.Profile{p}, Facts: in.Facts, Options: in.Options})[0]
	switch {
	case output.Protected:
		return nil, nil, fmt.Errorf("namespace %s is protected: no profile acts there", in.Namespace.Name)
	case output.TooLarge != "":
		return nil, &Omission{Policy: largest(in, sources), Reason: "with it, the policies of the profile would be larger than what can be stored"}, nil
	case output.Disposition != compiler.Enforce:
		return nil, nil, fmt.Errorf("%s would not be enforced in namespace %s", p.Key, in.Namespace.Name)
	}
	for i := range output.Policies {
		out.policies = append(out.policies, &output.Policies[i])
	}
	return out, nil, nil
}

// finish proves that what was made means the same.
func finish(in Input, made *made, sources []source, omissions []Omission) (*Result, error) {
	slices.SortFunc(omissions, func(a, b Omission) int { return strings.Compare(a.Policy, b.Policy) })
	out := &Result{LeftOut: omissions}
	if made == nil {
		return out, nil
	}
	stay := slices.Clone(in.Beside)
	for _, policy := range in.Policies {
		if slices.ContainsFunc(omissions, func(o Omission) bool { return o.Policy == policy.Name }) {
			stay = append(stay, policy)
		}
	}
	before := slices.Concat(in.Beside, in.Policies)
	if err := Same(in.Namespace, before, slices.Concat(made.policies, stay)); err != nil {
		return nil, fmt.Errorf("compare the profile with the NetworkPolicies of namespace %s: %w", in.Namespace.Name, err)
	}
	out.Profile, out.Remarks = made.profile, append(made.remarks, unsaid(made.profile, sources)...)
	for _, s := range sources {
		out.Replaced = append(out.Replaced, s.name)
	}
	return out, nil
}

// unsaid returns the descriptions that no entry has: what several policies allow is one entry, and a policy that denies has none.
func unsaid(profile *v1alpha1.SegmentationProfile, sources []source) []string {
	var out []string
	for _, s := range sources {
		isSaid := slices.ContainsFunc(profile.Spec.Allow, func(e v1alpha1.AllowEntry) bool { return e.Description == s.description })
		if s.description != "" && !isSaid {
			out = append(out, fmt.Sprintf("no entry has the description of NetworkPolicy %s: %s", s.name, s.description))
		}
	}
	return out
}

// profile returns what was translated as a profile.
func (t *translation) profile(in Input) *v1alpha1.SegmentationProfile {
	p := &v1alpha1.SegmentationProfile{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: string(v1alpha1.KindSegmentationProfile)},
		ObjectMeta: metav1.ObjectMeta{Namespace: in.Namespace.Name, Name: in.Name},
	}
	p.Spec.Tiers = []v1alpha1.Tier{}
	if !t.isolatesAll {
		p.Spec.Isolation = v1alpha1.IsolationTiers
	}
	for _, e := range t.entries() {
		p.Spec.Allow = append(p.Spec.Allow, e.AllowEntry)
	}
	t.setDNS(p)
	t.liftPorts(p)
	return p
}
