package topology

import (
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

// stateOfIdle says what a profile is that acts nowhere, and why.
func (b *builder) stateOfIdle(p snapshot.Profile) (State, string) {
	if p.Deleting {
		return StateUnknown, "It is being deleted."
	}
	if errs := validation.Validate(p); len(errs) > 0 {
		return StateUnknown, "It is invalid: " + errs[0].Error()
	}
	for _, ns := range b.in.Outlook.Namespaces {
		for _, o := range ns.Outputs {
			if o.Profile.Key == p.Key && o.Protected {
				return StateUnknown, "Namespace " + ns.Namespace.Name + " is protected, and nothing is written there."
			}
		}
	}
	switch {
	case !b.in.Partial && p.Key.Kind == v1alpha1.KindClusterSegmentationProfile:
		return StateUnknown, "No namespace has the labels that its namespaceSelector asks for."
	case !b.in.Partial:
		return StateUnknown, "What it wants in its namespace is not known."
	case p.Mode == v1alpha1.ModePreview:
		return StatePreview, ""
	}
	// Of its namespaces nothing is known, and it can be drawn as it is written.
	return StateEnforced, ""
}

// imagine returns what a cluster profile would want in a namespace with all of its tiers, so that one which acts in no known namespace
// can be drawn, and its mistakes seen.
func (b *builder) imagine(p snapshot.Profile) compiler.Output {
	if p.Key.Kind != v1alpha1.KindClusterSegmentationProfile || p.Deleting || len(validation.Validate(p)) > 0 {
		return compiler.Output{}
	}
	p.NamespaceSelector = &v1alpha1.LabelSelector{}
	p.Tiers = slices.Clone(p.Tiers)
	for i := range p.Tiers {
		p.Tiers[i].NamespaceSelector = nil
	}
	s := b.in.Outlook.Cluster.In(snapshot.Namespace{Name: "imagined"})
	s.Profiles = []snapshot.Profile{p}
	return compiler.Compile(s)[0]
}
