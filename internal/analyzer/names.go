package analyzer

import (
	"net/netip"
	"slices"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// names calls the pods of a namespace by the tier of a profile that they are in, or by their workload.
type names struct {
	tiers map[*snapshot.Pod]string
}

func newNames(profile snapshot.Profile, here *Place) (names, error) {
	out := names{tiers: map[*snapshot.Pod]string{}}
	for _, tier := range profile.Tiers {
		lives, err := snapshot.TierLivesIn(tier, here.Namespace)
		if err != nil {
			return out, err
		}
		if !lives {
			continue
		}
		pods, err := tierPods(tier, here.Pods)
		if err != nil {
			return out, err
		}
		for _, p := range pods {
			if out.tiers[p] == "" {
				out.tiers[p] = "tier " + tier.Name
			}
		}
	}
	return out, nil
}

// of returns "tier web" or "Deployment legacy-worker".
func (n names) of(pod *snapshot.Pod) string {
	if tier := n.tiers[pod]; tier != "" {
		return tier
	}
	return pod.Workload.String()
}

// workloadIn returns "Deployment monitoring/prometheus".
func workloadIn(pod *snapshot.Pod) string {
	return pod.Workload.Kind + " " + pod.Namespace + "/" + pod.Workload.Name
}

// Region is addresses outside the cluster that one of them stands for.
type Region struct {
	// Name is as people call it: "the internet", or the range "203.0.113.0/24".
	Name    string
	Example netip.Addr
}

// maxRegions bounds how many of the blocks that policies name are looked at one by one.
const maxRegions = 64

// metadataAddress is where clouds serve their metadata. Nobody calls from there.
const metadataAddress = "169.254.169.254"

// RegionsOf returns the regions that the rules of a direction may treat differently: the wide ones that people think in, and
// each block that is named.
func RegionsOf(direction networkpolicy.Direction, rules ...*evaluator.Namespace) []Region {
	var blocks []netip.Prefix
	for _, n := range rules {
		named, excepted := n.Blocks(direction)
		// The special-use ranges are excepted by most who mean the internet, and are private addresses to people.
		blocks = append(append(blocks, named...), slices.DeleteFunc(excepted, isSpecialUse)...)
	}
	var out []Region
	for _, wide := range []struct {
		name     string
		examples []string
	}{
		{"the internet", []string{"8.8.4.4", "198.51.100.77", "151.101.1.1", "77.88.99.11"}},
		{"the internet (IPv6)", []string{"2001:4860:4860::8844", "2a00::77", "2620:fe::9"}},
		{"private addresses outside the cluster", []string{"10.255.255.254", "192.168.255.254", "172.31.255.254"}},
		{"link-local addresses, such as cloud metadata", []string{metadataAddress}},
	} {
		if direction == networkpolicy.Ingress && wide.examples[0] == metadataAddress {
			continue
		}
		if example, ok := outsideOf(blocks, wide.examples); ok {
			out = append(out, Region{wide.name, example})
		}
	}
	named := map[netip.Prefix]bool{}
	for _, block := range blocks {
		if block.Bits() <= wideBits(block) || named[block] || len(out) >= maxRegions {
			continue
		}
		named[block] = true
		if rest := ipset.Subtract([]netip.Prefix{block}, inside(block, blocks)); len(rest) > 0 {
			out = append(out, Region{block.String(), rest[0].Addr()})
		}
	}
	return out
}

// inside returns the blocks that lie strictly inside one.
func inside(block netip.Prefix, blocks []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, b := range blocks {
		if b != block && ipset.Contains(block, b) {
			out = append(out, b)
		}
	}
	return out
}

// nameDNS says of the regions that are the addresses of name servers that they are: nobody knows these by heart.
func nameDNS(regions []Region, flows []compiler.Flow) {
	servers := map[string]bool{}
	for _, flow := range flows {
		for _, peer := range flow.Peers {
			if flow.Entry == compiler.EntryDNS && peer.IPBlock != nil {
				servers[peer.IPBlock.CIDR] = true
			}
		}
	}
	for i, r := range regions {
		if servers[r.Name] {
			regions[i].Name = "DNS at " + r.Example.String()
		}
	}
}

// outsideOf returns the first of the addresses that no block holds but wide ones.
func outsideOf(blocks []netip.Prefix, examples []string) (netip.Addr, bool) {
	for _, text := range examples {
		addr := netip.MustParseAddr(text)
		held := false
		for _, b := range blocks {
			held = held || (b.Bits() > wideBits(b) && b.Contains(addr))
		}
		if !held {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

func isSpecialUse(p netip.Prefix) bool { return slices.Contains(ipset.SpecialUse(), p) }

// wideBits is how long the prefix of a block is that means a part of the world and not a network.
func wideBits(p netip.Prefix) int {
	if p.Addr().Is4() {
		return 4
	}
	return 8
}
