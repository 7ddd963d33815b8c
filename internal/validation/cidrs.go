package validation

import (
	"fmt"
	"net/netip"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/internal/ipset"
)

// canonicalCIDR reads a CIDR, which must be written as the API server writes it: address masked, IPv6 as RFC 5952 has
// it, and no IPv4 address in IPv6 clothes.
func canonicalCIDR(text string, path *field.Path) (netip.Prefix, field.ErrorList) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, field.ErrorList{field.Invalid(path, text, "must be an address range such as 192.0.2.0/24 or 2001:db8::/32")}
	}
	if p.Addr().Is4In6() {
		return p, field.ErrorList{field.Invalid(path, text, "must not be an IPv4 address written as IPv6")}
	}
	if canonical := p.Masked().String(); canonical != text {
		return p, field.ErrorList{field.Invalid(path, text, fmt.Sprintf("must be written as %s", canonical))}
	}
	return p, nil
}

func canonicalCIDRs(list []string, bound int, path *field.Path) ([]netip.Prefix, field.ErrorList) {
	errs := atMost(path, len(list), bound)
	var out []netip.Prefix
	seen := map[string]bool{}
	for i, text := range list {
		p, problems := canonicalCIDR(text, path.Index(i))
		errs = append(errs, problems...)
		if seen[text] {
			errs = append(errs, field.Duplicate(path.Index(i), text))
		}
		seen[text] = true
		if len(problems) == 0 {
			out = append(out, p)
		}
	}
	return out, errs
}

// validateExcepts checks that each except lies strictly inside one of the ranges: the API server refuses a whole
// NetworkPolicy with an except that does not.
func validateExcepts(except []string, inside []netip.Prefix, what string, path *field.Path) field.ErrorList {
	parsed, errs := canonicalCIDRs(except, maxExcepts, path)
	if len(errs) > 0 {
		return errs
	}
	for i, e := range parsed {
		contained := false
		for _, p := range inside {
			contained = contained || ipset.StrictlyContains(p, e)
		}
		if !contained {
			errs = append(errs, field.Invalid(path.Index(i), except[i], "must lie strictly inside "+what))
		}
	}
	return errs
}
