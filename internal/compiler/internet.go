package compiler

import (
	"net/netip"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/ipset"
)

// resolveInternet returns the public addresses of both families, less those that the cluster uses for itself. Ranges
// that lie in the special-use table are left out with it, so that a node which joins with a private address changes
// nothing.
func (c *compilation) resolveInternet(p v1alpha1.InternetPeer, place string) peerSet {
	include := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), ipset.GlobalUnicast6()}
	options := c.options
	if options.AllowNAT64 {
		include = append(include, netip.MustParsePrefix("64:ff9b::/96"))
	}
	exclude := append(ipset.SpecialUse(), parse(p.Except)...)
	exclude = append(exclude, options.ClusterCIDRs...)
	exclude = append(exclude, options.NodeCIDRs...)
	exclude = append(exclude, c.facts.ClusterRanges...)
	return c.blocks(include, exclude, place)
}
