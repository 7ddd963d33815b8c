package validation

import (
	"fmt"
	"unicode/utf8"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Bounds of the lists in a profile; those of the CRD.
const (
	maxNameLength  = 63
	maxDescription = 256
	maxTiers       = 64
	maxEntries     = 128
	maxPeers       = 32
	maxPorts       = 32
	maxNamespaces  = 64
	maxCIDRs       = 64
	maxExcepts     = 16
	maxLabels      = 16
	maxExpressions = 16
	maxValues      = 32
)

// Validate returns everything that is wrong with a profile, in the order of its fields; nil when it is valid.
func Validate(p snapshot.Profile) field.ErrorList {
	spec := field.NewPath("spec")
	var errs field.ErrorList
	errs = append(errs, profileName(field.NewPath("metadata", "name"), p.Key.Name)...)
	errs = append(errs, validateSettings(p, spec)...)
	if p.Key.Kind == v1alpha1.KindClusterSegmentationProfile {
		errs = append(errs, validateRequiredSelector(p.NamespaceSelector, spec.Child("namespaceSelector"))...)
	}
	errs = append(errs, validateTiers(p, spec.Child("tiers"))...)
	errs = append(errs, validateEntries(p, spec.Child("allow"))...)
	errs = append(errs, validateSize(p, spec.Child("tiers"))...)
	return errs
}

func validateSettings(p snapshot.Profile, spec *field.Path) field.ErrorList {
	var errs field.ErrorList
	errs = append(errs, oneOf(spec.Child("mode"), p.Mode, v1alpha1.ModeEnforce, v1alpha1.ModePreview)...)
	errs = append(errs, oneOf(spec.Child("isolation"), p.Isolation, v1alpha1.IsolationNamespace, v1alpha1.IsolationTiers)...)
	errs = append(errs, oneOf(spec.Child("dns"), p.DNS, v1alpha1.DNSCluster, v1alpha1.DNSAny, v1alpha1.DNSNone)...)
	errs = append(errs, oneOf(spec.Child("deletionPolicy"), p.DeletionPolicy, v1alpha1.DeletionPolicyDelete, v1alpha1.DeletionPolicyRetain)...)
	switch {
	case p.PreviewOf == "":
	case p.Mode != v1alpha1.ModePreview:
		errs = append(errs, field.Forbidden(spec.Child("previewOf"), "needs mode Preview"))
	case len(profileName(spec.Child("previewOf"), p.PreviewOf)) > 0:
		errs = append(errs, profileName(spec.Child("previewOf"), p.PreviewOf)...)
	case p.PreviewOf == p.Key.Name:
		errs = append(errs, field.Invalid(spec.Child("previewOf"), p.PreviewOf, "a profile cannot be the preview of itself"))
	}
	if p.PreviewOf != "" {
		for _, msg := range validation.IsDNS1123Subdomain(p.PreviewOf) {
			errs = append(errs, field.Invalid(spec.Child("previewOf"), p.PreviewOf, msg))
		}
	}
	if p.Isolation == v1alpha1.IsolationTiers && len(p.Tiers) == 0 {
		errs = append(errs, field.Required(spec.Child("tiers"), "isolation Tiers needs at least one tier"))
	}
	return errs
}

func validateTiers(p snapshot.Profile, path *field.Path) field.ErrorList {
	errs := atMost(path, len(p.Tiers), maxTiers)
	seen := map[string]bool{}
	for i, tier := range p.Tiers {
		at := path.Index(i)
		errs = append(errs, label(at.Child("name"), tier.Name)...)
		if tier.Name == v1alpha1.DefaultDenyTier {
			errs = append(errs, field.Invalid(at.Child("name"), tier.Name, "is reserved"))
		}
		if seen[tier.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), tier.Name))
		}
		seen[tier.Name] = true
		errs = append(errs, description(at.Child("description"), tier.Description)...)
		errs = append(errs, validateRequiredSelector(tier.PodSelector, at.Child("podSelector"))...)
		errs = append(errs, validatePorts(tier.Ports, at.Child("ports"))...)
		if tier.DNS != "" {
			errs = append(errs, oneOf(at.Child("dns"), tier.DNS, v1alpha1.DNSCluster, v1alpha1.DNSAny, v1alpha1.DNSNone)...)
		}
		if tier.NamespaceSelector != nil {
			errs = append(errs, validateSelector(tier.NamespaceSelector, at.Child("namespaceSelector"))...)
		}
	}
	return errs
}

func oneOf[T ~string](path *field.Path, value T, allowed ...T) field.ErrorList {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return field.ErrorList{field.NotSupported(path, value, allowed)}
}

func atMost(path *field.Path, have, bound int) field.ErrorList {
	if have > bound {
		return field.ErrorList{field.TooMany(path, have, bound)}
	}
	return nil
}

func description(path *field.Path, text string) field.ErrorList {
	if utf8.RuneCountInString(text) > maxDescription {
		return field.ErrorList{field.TooLong(path, "", maxDescription)}
	}
	return nil
}

// profileName checks a name that a profile has, or could have: it is part of the names and labels of policies.
func profileName(path *field.Path, name string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > maxNameLength {
		errs = append(errs, field.Invalid(path, name, fmt.Sprintf("must be no more than %d characters", maxNameLength)))
	}
	for _, msg := range apivalidation.NameIsDNSSubdomain(name, false) {
		errs = append(errs, field.Invalid(path, name, msg))
	}
	return errs
}

// label checks a name that must be a DNS label (RFC 1123).
func label(path *field.Path, name string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	for _, msg := range apivalidation.NameIsDNSLabel(name, false) {
		errs = append(errs, field.Invalid(path, name, msg))
	}
	return errs
}
