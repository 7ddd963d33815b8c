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
		t, omission := translate(in, sources)
		if omission != nil {
			// Without that policy all is translated anew: what it isolates decides what is open elsewhere.
			omissions = append(omissions, *omission)
			sources = slices.DeleteFunc(sources, func(s source) bool { return s.name == omission.Policy })
			continue
		}
		return finish(in, t, sources, omissions)
	}
}

func finish(in Input, t *translation, sources []source, omissions []Omission) (*Result, error) {
	slices.SortFunc(omissions, func(a, b Omission) int { return strings.Compare(a.Policy, b.Policy) })
	out := &Result{LeftOut: omissions}
	if len(sources) == 0 {
		return out, nil
	}
	profile := t.profile(in)
	p := snapshot.FromSegmentationProfile(profile)
	if errs := validation.Validate(p); len(errs) > 0 {
		return nil, fmt.Errorf("make a profile of %d NetworkPolicies in namespace %s: %w", len(sources), in.Namespace.Name, errs.ToAggregate())
	}
	stay := slices.Clone(in.Beside)
	for _, policy := range in.Policies {
		if slices.ContainsFunc(omissions, func(o Omission) bool { return o.Policy == policy.Name }) {
			stay = append(stay, policy)
		}
	}
	compiled, err := compile(in, p)
	if err != nil {
		return nil, err
	}
	before := slices.Concat(in.Beside, in.Policies)
	if err := Same(in.Namespace, before, slices.Concat(compiled, stay)); err != nil {
		return nil, fmt.Errorf("compare the profile with the NetworkPolicies of namespace %s: %w", in.Namespace.Name, err)
	}
	out.Profile, out.Remarks = profile, t.remarks
	for _, s := range sources {
		out.Replaced = append(out.Replaced, s.name)
	}
	return out, nil
}

// compile returns the policies of a profile.
func compile(in Input, p snapshot.Profile) ([]*networkingv1.NetworkPolicy, error) {
	outputs := compiler.Compile(snapshot.Snapshot{Namespace: in.Namespace, Profiles: []snapshot.Profile{p}, Facts: in.Facts, Options: in.Options})
	output := outputs[0]
	switch {
	case output.Protected:
		return nil, fmt.Errorf("namespace %s is protected: no profile acts there", in.Namespace.Name)
	case output.Disposition != compiler.Enforce:
		return nil, fmt.Errorf("%s would not be enforced in namespace %s: %s", p.Key, in.Namespace.Name, output.TooLarge)
	}
	out := make([]*networkingv1.NetworkPolicy, 0, len(output.Policies))
	for i := range output.Policies {
		out = append(out, &output.Policies[i])
	}
	return out, nil
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
