package live

import "firebreak.dev/firebreak/internal/snapshot"

// PlacesOf returns the places in which a fact is looked up.
func PlacesOf(fact snapshot.Fact, options snapshot.Options) []Place {
	switch fact.Kind {
	case snapshot.FactDNS:
		var out []Place
		for _, namespace := range options.DNSNamespaces() {
			out = append(out, Place{Plural: "services", Namespace: namespace})
		}
		return out
	case snapshot.FactService:
		return serviceIn(fact.Namespace)
	case snapshot.FactAPIServer:
		return serviceIn(snapshot.APIServerService().Namespace)
	case snapshot.FactProfile:
		return []Place{{Plural: "segmentationprofiles", Namespace: fact.Namespace}}
	case snapshot.FactNodes:
		return []Place{{Plural: "nodes"}}
	case snapshot.FactClusterRanges:
		return []Place{{Plural: "nodes"}, {Plural: "servicecidrs"}}
	case snapshot.FactPodAddress:
		// A pod of any namespace may have it.
		return []Place{{Plural: "pods"}}
	}
	return nil
}

func serviceIn(namespace string) []Place {
	return []Place{{Plural: "services", Namespace: namespace}, {Plural: "endpointslices", Namespace: namespace}}
}
