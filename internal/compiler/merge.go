package compiler

import (
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/validation"
)

// rule is one rule of a policy.
type rule struct {
	peers peerSet
	ports []v1alpha1.Port
}

// rules are those of one policy.
type rules struct {
	ingress, egress []rule
	// size is about what they take, in bytes.
	size int
}

// rulesOf joins the flows of a tier to rules: fewer with the same meaning, the same for every order of the input. It
// stops where they become larger than what can be stored.
func (c *compilation) rulesOf(tier v1alpha1.ClusterTier, flows []flow) (rules, error) {
	var out rules
	ingress, ingressSize := c.mergeFlows(flows, networkpolicy.Ingress, validation.MaxPolicySize)
	egress, egressSize := c.mergeFlows(flows, networkpolicy.Egress, validation.MaxPolicySize-ingressSize)
	out.ingress, out.egress, out.size = ingress, egress, ingressSize+egressSize
	if out.size > validation.MaxPolicySize {
		return rules{}, c.policyTooLarge(tier, flows)
	}
	return out, nil
}

// mergeFlows joins the flows of one direction that open the same ports, and then those that open ports to the same
// peers. It also returns what the rules take, in bytes; they are of no use when that is more than the limit.
func (c *compilation) mergeFlows(flows []flow, direction networkpolicy.Direction, limit int) ([]rule, int) {
	size := 0
	groups := joinGroups(c.groupByPorts(flows, direction))
	merged := make([]rule, 0, len(groups))
	place := map[string]int{}
	for _, g := range groups {
		peers, taken := g.union(limit - size)
		if size += taken + portSize*len(g.ports); size > limit {
			return nil, size
		}
		if len(groups) > 1 {
			// Different peers of a profile may come to the same in the end.
			key := c.memo.peersKey(peers)
			if i, ok := place[key]; ok {
				merged[i].ports = slices.Concat(merged[i].ports, g.ports)
				continue
			}
			place[key] = len(merged)
		}
		merged = append(merged, rule{peers, g.ports})
	}
	return merged, size
}

// group is the peers that are reached on the same ports. It refers to lists of peers and does not copy them, so that
// many entries that say the same cost next to nothing.
type group struct {
	ports    []v1alpha1.Port
	everyone bool
	lists    []peerList
}

// member is a list of peers that a group has, by its number.
type member struct {
	of   *group
	list int
}

func (c *compilation) groupByPorts(flows []flow, direction networkpolicy.Direction) []*group {
	var out []*group
	byPorts, has := map[string]*group{}, map[member]bool{}
	for _, f := range flows {
		if f.direction != direction {
			continue
		}
		key := c.memo.ports(f.ports).key
		g, ok := byPorts[key]
		if !ok {
			g = &group{ports: f.ports}
			byPorts[key] = g
			out = append(out, g)
		}
		g.everyone = g.everyone || f.peers.everyone
		if list := c.memo.intern(f.peers.peers); !has[member{g, list.id}] {
			has[member{g, list.id}] = true
			g.lists = append(g.lists, list)
		}
	}
	return out
}

// joinGroups joins groups of the same lists.
func joinGroups(groups []*group) []*group {
	if len(groups) < 2 {
		return groups
	}
	var out []*group
	byLists := map[string]*group{}
	for _, g := range groups {
		key := g.key()
		if first, ok := byLists[key]; ok {
			first.ports = slices.Concat(first.ports, g.ports)
			continue
		}
		byLists[key] = g
		out = append(out, g)
	}
	return out
}

func (g *group) key() string {
	if g.everyone {
		return "everyone"
	}
	ids := make([]int, 0, len(g.lists))
	for _, list := range g.lists {
		ids = append(ids, list.id)
	}
	slices.Sort(ids)
	var text strings.Builder
	for _, id := range ids {
		text.WriteString(strconv.Itoa(id))
		text.WriteByte(' ')
	}
	return text.String()
}

// union returns the peers of a group, each once, and what they take, in bytes. It stops when that is more than the limit.
func (g *group) union(limit int) (peerSet, int) {
	if g.everyone {
		return peerSet{everyone: true}, 0
	}
	if len(g.lists) == 1 {
		return peerSet{peers: g.lists[0].peers}, g.lists[0].size
	}
	var set peerSet
	size := 0
	has := map[string]bool{}
	for _, list := range g.lists {
		for i := range list.peers {
			key := peerKey(&list.peers[i])
			if has[key] {
				continue
			}
			has[key] = true
			set.peers = append(set.peers, list.peers[i])
			if size += len(key); size > limit {
				return set, size
			}
		}
	}
	return set, size
}

// peerKey is equal for peers that are written the same: their JSON, which is also what they take.
func peerKey(peer *networkingv1.NetworkPolicyPeer) string {
	if block := peer.IPBlock; block != nil && len(block.Except) == 0 {
		// Most peers by far, where there are many.
		return `{"ipBlock":{"cidr":"` + block.CIDR + `"}}`
	}
	return networkpolicy.PeerKey(peer)
}

// portsKey is equal for lists that mean the same. It is a whole text, not a hash: a collision would join rules that have nothing
// to do with each other.
func portsKey(ports []v1alpha1.Port) string {
	if len(ports) == 1 {
		return portKey(ports[0])
	}
	keys := make([]string, 0, len(ports))
	for _, p := range ports {
		keys = append(keys, portKey(p))
	}
	slices.Sort(keys)
	return strings.Join(slices.Compact(keys), ",")
}

// portKey is equal for ports that mean the same: a range of one port is that port. Names stand in quotation marks.
func portKey(p v1alpha1.Port) string {
	text := append(make([]byte, 0, 24), p.Protocol...)
	if p.Port.Type == intstr.String {
		text = strconv.AppendQuote(text, p.Port.StrVal)
	} else {
		text = strconv.AppendInt(append(text, ' '), int64(p.Port.IntVal), 10)
	}
	if p.EndPort != nil && *p.EndPort != p.Port.IntVal {
		text = strconv.AppendInt(append(text, '-'), int64(*p.EndPort), 10)
	}
	return string(text)
}
