package compiler

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/validation"
)

// memo remembers what was resolved in the compilation of one profile in one namespace. A profile may name the same nodes
// in a hundred entries of a dozen tiers; they are looked up once and held once.
type memo struct {
	// places is the resolution of the peer at each place; resolutions the same by what the peer says.
	places, resolutions map[string]*resolution
	// repeats tells which peers of a list were in it before, by the first of the list.
	repeats map[*v1alpha1.Peer][]bool
	// lists holds each list of peers once, by content and by its first peer.
	lists   map[string]peerList
	byFirst map[*networkingv1.NetworkPolicyPeer]peerList
	byPort  map[portsAt]portList
	// keys is what peersKey says of lists.
	keys map[peersAt]string
	// tiers is the peers of a tier as another sees them.
	tiers     map[[2]string]peerSet
	endpoints map[types.NamespacedName]endpoints
	// size is what all resolutions take, in bytes.
	size int
}

// resolution is what a peer stands for, and what was found on the way.
type resolution struct {
	targets  []target
	findings []v1alpha1.Finding
}

// peerList is a list of peers with a number of its own: lists with equal content have the same.
type peerList struct {
	id    int
	peers []networkingv1.NetworkPolicyPeer
	// size is what the list takes, in bytes.
	size int
}

// portsAt is a list of ports, and peersAt one of peers, by where it is in memory.
type portsAt struct {
	first  *v1alpha1.Port
	length int
}

type peersAt struct {
	first  *networkingv1.NetworkPolicyPeer
	length int
}

// portList is ports as a key, equal for lists that mean the same, and in words.
type portList struct{ key, text string }

func newMemo() memo {
	return memo{
		places: map[string]*resolution{}, resolutions: map[string]*resolution{}, repeats: map[*v1alpha1.Peer][]bool{},
		endpoints: map[types.NamespacedName]endpoints{},
		lists:     map[string]peerList{}, byFirst: map[*networkingv1.NetworkPolicyPeer]peerList{}, byPort: map[portsAt]portList{},
		keys: map[peersAt]string{}, tiers: map[[2]string]peerSet{},
	}
}

// isFull says whether the peers of the profile stand for more than all its policies may hold.
func (m *memo) isFull() bool { return m.size > validation.MaxProfileSize }

// once resolves a peer that means the same wherever it stands at an end with these ports. What was found is found at
// each place.
func (c *compilation) once(end string, peer v1alpha1.Peer, ports []v1alpha1.Port, place string, resolve func() []target) []target {
	if known, ok := c.memo.places[place]; ok {
		return known.targets
	}
	if c.memo.isFull() {
		return nil
	}
	c.note(peer)
	key := end + networkpolicy.Key(peer)
	if len(ports) > 0 {
		key += networkpolicy.Key(ports)
	}
	known, ok := c.memo.resolutions[key]
	if !ok {
		before := len(c.findings)
		known = &resolution{targets: c.memo.hold(resolve())}
		known.findings = append(known.findings, c.findings[before:]...)
		c.findings = c.findings[:before]
		c.memo.resolutions[key] = known
	}
	for _, f := range known.findings {
		f.Place = place
		c.findings = append(c.findings, f)
	}
	c.memo.places[place] = known
	return known.targets
}

// hold makes targets refer to lists that are held once.
func (m *memo) hold(targets []target) []target {
	for i, t := range targets {
		if len(t.peers.peers) > 0 {
			targets[i].peers.peers = m.intern(t.peers.peers).peers
		}
		m.size += portSize * len(t.ports)
	}
	return targets
}

// intern returns the list with this content.
func (m *memo) intern(peers []networkingv1.NetworkPolicyPeer) peerList {
	if len(peers) == 0 {
		return peerList{}
	}
	if list, ok := m.byFirst[&peers[0]]; ok && len(list.peers) == len(peers) {
		return list
	}
	key := peerKey(&peers[0])
	if len(peers) > 1 {
		var text strings.Builder
		for i := range peers {
			text.WriteString(peerKey(&peers[i]))
		}
		key = text.String()
	}
	list, ok := m.lists[key]
	if !ok {
		list = peerList{id: len(m.lists) + 1, peers: peers, size: len(key)}
		m.lists[key] = list
		m.byFirst[&peers[0]] = list
		m.size += len(key)
	}
	return list
}

// repeated tells which peers of a list were in it before.
func (m *memo) repeated(peers []v1alpha1.Peer) []bool {
	if len(peers) == 0 {
		return nil
	}
	if len(peers) == 1 {
		return []bool{false}
	}
	if known, ok := m.repeats[&peers[0]]; ok {
		return known
	}
	out := make([]bool, len(peers))
	seen := map[string]bool{}
	for i, peer := range peers {
		key := networkpolicy.Key(peer)
		out[i] = seen[key]
		seen[key] = true
	}
	m.repeats[&peers[0]] = out
	return out
}

// ports returns a list of ports as a key and in words.
func (m *memo) ports(ports []v1alpha1.Port) portList {
	if len(ports) == 0 {
		return portList{key: portsKey(nil)}
	}
	these := portsAt{&ports[0], len(ports)}
	list, ok := m.byPort[these]
	if !ok {
		list = portList{key: portsKey(ports), text: describePorts(ports)}
		m.byPort[these] = list
	}
	return list
}

// peersKey is equal for peers that mean the same: a whole text as well, and found once for each list.
func (m *memo) peersKey(set peerSet) string {
	if len(set.peers) == 0 {
		return ""
	}
	these := peersAt{&set.peers[0], len(set.peers)}
	key, ok := m.keys[these]
	if !ok {
		key = networkpolicy.PeersKey(set.peers)
		m.keys[these] = key
	}
	return key
}
