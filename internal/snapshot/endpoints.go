package snapshot

import (
	"net/netip"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// MaxEndpoints is how many addresses are taken from the EndpointSlices of one Service. Every address is followed, and is a
// peer of a policy, so without a bound whoever writes EndpointSlices could exhaust the operator.
const MaxEndpoints = 1000

// IsOf says whether an EndpointSlice is one of a Service.
func IsOf(slice *discoveryv1.EndpointSlice, service types.NamespacedName) bool {
	return slice.Namespace == service.Namespace && slice.Labels[discoveryv1.LabelServiceName] == service.Name
}

// AddressesOf returns the addresses that the EndpointSlices of a Service list, sorted and each once: at most MaxEndpoints,
// the lowest, and the number of the others. Host names are left out, and so are slices of other Services.
func AddressesOf(service types.NamespacedName, list []discoveryv1.EndpointSlice) (taken []netip.Addr, others int) {
	for i := range list {
		if IsOf(&list[i], service) {
			taken = append(taken, AddressesIn(&list[i])...)
		}
	}
	slices.SortFunc(taken, netip.Addr.Compare)
	taken = slices.Compact(taken)
	n := min(len(taken), MaxEndpoints)
	return taken[:n:n], len(taken) - n
}

// AddressesIn returns the addresses that an EndpointSlice lists, ready or not, in its order.
func AddressesIn(slice *discoveryv1.EndpointSlice) []netip.Addr {
	var out []netip.Addr
	for _, endpoint := range slice.Endpoints {
		for _, text := range endpoint.Addresses {
			if addr, err := netip.ParseAddr(text); err == nil {
				out = append(out, addr.Unmap())
			}
		}
	}
	return out
}
