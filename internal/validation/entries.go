package validation

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

func validateEntries(p snapshot.Profile, path *field.Path) field.ErrorList {
	errs := atMost(path, len(p.Allow), maxEntries)
	seen := map[string]bool{}
	for i, entry := range p.Allow {
		at := path.Index(i)
		if entry.Name != "" {
			// People look for an entry by its name, not by its place in the list.
			at = path.Key(entry.Name)
		}
		errs = append(errs, label(at.Child("name"), entry.Name)...)
		if seen[entry.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), entry.Name))
		}
		seen[entry.Name] = true
		errs = append(errs, description(at.Child("description"), entry.Description)...)
		errs = append(errs, validateEnds(p, entry, at)...)
		errs = append(errs, validatePorts(entry.Ports, at.Child("ports"))...)
		errs = append(errs, validateDestinationPorts(p, entry, at)...)
	}
	return errs
}

func validateEnds(p snapshot.Profile, entry v1alpha1.AllowEntry, path *field.Path) field.ErrorList {
	errs := validatePeers(p, entry.From, path.Child("from"))
	errs = append(errs, validatePeers(p, entry.To, path.Child("to"))...)
	if !allTiers(entry.From) && !allTiers(entry.To) {
		errs = append(errs, field.Invalid(path, entry.Name, "all of from, or all of to, must be tiers of this profile"))
	}
	return errs
}

func allTiers(peers []v1alpha1.Peer) bool {
	for _, p := range peers {
		if p.Tier == "" {
			return false
		}
	}
	return true
}

func validatePeers(p snapshot.Profile, peers []v1alpha1.Peer, path *field.Path) field.ErrorList {
	if len(peers) == 0 {
		// An empty list would mean everybody in a NetworkPolicy.
		return field.ErrorList{field.Required(path, "at least one peer is needed")}
	}
	errs := atMost(path, len(peers), maxPeers)
	for i, peer := range peers {
		errs = append(errs, validatePeer(p, peer, path.Index(i))...)
	}
	return errs
}

// validateDestinationPorts checks that it is said for every destination which ports are opened.
func validateDestinationPorts(p snapshot.Profile, entry v1alpha1.AllowEntry, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, peer := range entry.To {
		at := path.Child("to").Index(i)
		if len(entry.Ports) == 0 {
			errs = append(errs, validateOwnPorts(p, peer, at, path.Child("ports"))...)
			continue
		}
		if peer.KubeAPIServer != nil {
			errs = append(errs, field.Forbidden(path.Child("ports"), "kubeAPIServer brings its own ports"))
		}
		if isAddresses(peer) && hasNamedPort(entry.Ports) {
			errs = append(errs, field.Invalid(path.Child("ports"), portNames(entry.Ports), fmt.Sprintf("a port name means nothing towards addresses (%s)", at)))
		}
	}
	return errs
}

// validateOwnPorts checks a destination of an entry that says no ports.
func validateOwnPorts(p snapshot.Profile, peer v1alpha1.Peer, at, ports *field.Path) field.ErrorList {
	switch {
	case peer.KubeAPIServer != nil || peer.RemoteTier != nil || peer.Service != nil:
		return nil
	case peer.Tier == "":
		return field.ErrorList{field.Required(ports, fmt.Sprintf("the destination %s has no ports of its own", at))}
	}
	if tier, ok := p.Tier(peer.Tier); ok && len(tier.Ports) == 0 {
		return field.ErrorList{field.Required(ports, fmt.Sprintf("tier %q declares no ports of its own", peer.Tier))}
	}
	return nil
}

func isAddresses(p v1alpha1.Peer) bool {
	return p.IPBlocks != nil || p.Internet != nil || p.Nodes != nil || p.Anywhere != nil
}

func portNames(ports []v1alpha1.Port) []string {
	var names []string
	for _, p := range ports {
		if p.Port.StrVal != "" {
			names = append(names, p.Port.StrVal)
		}
	}
	return names
}
