package validation

import (
	"net/netip"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

func validatePeer(p snapshot.Profile, peer v1alpha1.Peer, path *field.Path) field.ErrorList {
	if n := members(peer); n != 1 {
		return field.ErrorList{field.Invalid(path, n, "exactly one member must be set")}
	}
	switch {
	case peer.Tier != "":
		if _, ok := p.Tier(peer.Tier); !ok {
			return field.ErrorList{field.Invalid(path.Child("tier"), peer.Tier, "this profile has no such tier")}
		}
	case peer.RemoteTier != nil:
		return validateRemoteTier(*peer.RemoteTier, path.Child("remoteTier"))
	case peer.Pods != nil:
		return validatePods(*peer.Pods, path.Child("pods"))
	case peer.Service != nil:
		return validateService(*peer.Service, path.Child("service"))
	case peer.IPBlocks != nil:
		return validateIPBlocks(*peer.IPBlocks, path.Child("ipBlocks"))
	case peer.Internet != nil:
		inside := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("2000::/3")}
		return validateExcepts(peer.Internet.Except, inside, "0.0.0.0/0 or 2000::/3", path.Child("internet", "except"))
	case peer.Nodes != nil && peer.Nodes.NodeSelector != nil:
		return validateSelector(peer.Nodes.NodeSelector, path.Child("nodes", "nodeSelector"))
	}
	return nil
}

func validateRemoteTier(r v1alpha1.RemoteTierPeer, path *field.Path) field.ErrorList {
	errs := label(path.Child("namespace"), r.Namespace)
	errs = append(errs, label(path.Child("tier"), r.Tier)...)
	return append(errs, profileName(path.Child("profile"), r.Profile)...)
}

func validateService(s v1alpha1.ServicePeer, path *field.Path) field.ErrorList {
	errs := label(path.Child("name"), s.Name)
	if s.Namespace != "" {
		errs = append(errs, label(path.Child("namespace"), s.Namespace)...)
	}
	return errs
}

func members(p v1alpha1.Peer) int {
	n := 0
	for _, set := range []bool{
		p.Tier != "", p.RemoteTier != nil, p.Pods != nil, p.Service != nil, p.IPBlocks != nil, p.Internet != nil,
		p.KubeAPIServer != nil, p.Nodes != nil, p.Anywhere != nil,
	} {
		if set {
			n++
		}
	}
	return n
}

func validatePods(p v1alpha1.PodsPeer, path *field.Path) field.ErrorList {
	if len(p.Namespaces) == 0 && p.NamespaceSelector == nil && p.PodSelector == nil {
		return field.ErrorList{field.Required(path, "at least one of namespaces, namespaceSelector and podSelector is needed")}
	}
	errs := atMost(path.Child("namespaces"), len(p.Namespaces), maxNamespaces)
	seen := map[string]bool{}
	for i, name := range p.Namespaces {
		errs = append(errs, label(path.Child("namespaces").Index(i), name)...)
		if seen[name] {
			errs = append(errs, field.Duplicate(path.Child("namespaces").Index(i), name))
		}
		seen[name] = true
	}
	if p.NamespaceSelector != nil {
		errs = append(errs, validateSelector(p.NamespaceSelector, path.Child("namespaceSelector"))...)
	}
	if p.PodSelector != nil {
		errs = append(errs, validateSelector(p.PodSelector, path.Child("podSelector"))...)
	}
	return errs
}

func validateIPBlocks(b v1alpha1.IPBlocksPeer, path *field.Path) field.ErrorList {
	if len(b.CIDRs) == 0 {
		return field.ErrorList{field.Required(path.Child("cidrs"), "at least one range is needed")}
	}
	cidrs, errs := canonicalCIDRs(b.CIDRs, maxCIDRs, path.Child("cidrs"))
	if len(errs) > 0 {
		return errs
	}
	return validateExcepts(b.Except, cidrs, "one of cidrs", path.Child("except"))
}
