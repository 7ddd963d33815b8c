package analyzer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// maxListedInWords is how many things a sentence names before it counts the others.
const maxListedInWords = 3

// openings words a gap: in the order of rules and peers, peers that differ in nothing but their ports as one, and those with the
// same ports as one.
func (g *gap) openings(rules []readRule) []Opening {
	type opening struct {
		peer  string
		ports portset.Set
		names map[portName]bool
	}
	var byPeer []opening
	index := map[string]int{}
	for i, rule := range rules {
		for j, peer := range rule.peers {
			left := g.peers[peerOf{i, j}]
			if left == nil {
				continue
			}
			words := peer.words(left.regions)
			at, known := index[words]
			if !known {
				at = len(byPeer)
				index[words] = at
				byPeer = append(byPeer, opening{peer: words, names: map[portName]bool{}})
			}
			byPeer[at].ports = byPeer[at].ports.Union(left.ports)
			maps.Copy(byPeer[at].names, left.names)
		}
	}
	var ports []string
	peers := map[string][]string{}
	for _, o := range byPeer {
		words := portsInWords(o.ports, o.names)
		if peers[words] == nil {
			ports = append(ports, words)
		}
		peers[words] = append(peers[words], o.peer)
	}
	var out []Opening
	for _, p := range ports {
		out = append(out, Opening{Peer: enumerate(peers[p], "or"), Ports: p})
	}
	return out
}

func portsInWords(ports portset.Set, names map[portName]bool) string {
	var list []string
	if !ports.IsEmpty() {
		list = append(list, Words(ports))
	}
	var named []string
	for n := range names {
		named = append(named, n.String())
	}
	slices.Sort(named)
	return strings.Join(append(list, named...), ", ")
}

// enumerate returns "a", "a or b", "a, b or c", or "a, b, c or 4 more".
func enumerate(list []string, conjunction string) string {
	if len(list) > maxListedInWords+1 {
		more := fmt.Sprintf("%d more", len(list)-maxListedInWords)
		list = append(slices.Clone(list[:maxListedInWords]), more)
	}
	if len(list) == 1 {
		return list[0]
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " " + conjunction + " " + list[last]
}

// words calls the peer by those of its regions that are left uncovered.
func (p readPeer) words(left regions) string {
	switch {
	case p.given == nil:
		return anybodyInWords(left)
	case p.given.IPBlock != nil:
		return blockInWords(*p.given.IPBlock)
	}
	pods := "any pod"
	if s := p.given.PodSelector; s != nil && !isEverything(s) {
		pods = "pods with " + metav1.FormatLabelSelector(s)
	}
	return pods + " of " + namespacesInWords(p.given.NamespaceSelector, left)
}

func isEverything(s *metav1.LabelSelector) bool {
	return len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

func anybodyInWords(left regions) string {
	var pods string
	switch {
	case left.own && left.others && left.outside:
		return "anybody inside the cluster and outside"
	case left.own && left.others:
		return "any pod of any namespace"
	case left.own:
		pods = "any pod of this namespace"
	case left.others:
		pods = "any pod of any other namespace"
	default:
		return "any address outside the cluster"
	}
	if left.outside {
		return pods + " and any address outside the cluster"
	}
	return pods
}

func namespacesInWords(s *metav1.LabelSelector, left regions) string {
	switch {
	case s == nil:
		return "this namespace"
	case isEverything(s) && !left.others:
		return "this namespace"
	case isEverything(s) && !left.own:
		return "any other namespace"
	case isEverything(s):
		return "any namespace"
	}
	if names, ok := namedOnly(s); ok {
		if len(names) == 1 {
			return "namespace " + names[0]
		}
		return "namespaces " + enumerate(names, "and")
	}
	return "namespaces with " + metav1.FormatLabelSelector(s)
}

// namedOnly returns the names of the namespaces that a selector chooses, when it looks at nothing else.
func namedOnly(s *metav1.LabelSelector) ([]string, bool) {
	switch name, ok := s.MatchLabels[selector.NamespaceNameLabel]; {
	case ok && len(s.MatchLabels) == 1 && len(s.MatchExpressions) == 0:
		return []string{name}, true
	case len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 1:
		e := s.MatchExpressions[0]
		return e.Values, e.Key == selector.NamespaceNameLabel && e.Operator == metav1.LabelSelectorOpIn
	}
	return nil, false
}

func blockInWords(block networkingv1.IPBlock) string {
	if len(block.Except) == 0 {
		return block.CIDR
	}
	return block.CIDR + " except " + enumerate(block.Except, "and")
}

// message says what a widening is, to whom it matters, and what to do.
func (w Widening) message(namespace string) string {
	verb, soon := "lets", ""
	if !w.Today {
		verb, soon = "could let", ", "+w.When
	}
	who := fmt.Sprintf("NetworkPolicy %s in %s", w.Policy, namespace)
	if w.Edited {
		who += ", which Firebreak wrote and somebody changed by hand,"
	}
	return fmt.Sprintf("%s %s %s%s, which no profile declares; delete the policy, narrow its rules, or declare the connection under allow.",
		who, verb, w.connections(), soon)
}

// whenInWords says what it takes for a policy to widen a profile that widens it for no pod that runs now.
func whenInWords(both []snapshot.Pod) string {
	if len(both) == 0 {
		return "as soon as a pod runs that both select"
	}
	return "if not for the pods of today, then for others that may come"
}

// connections returns "any pod of any namespace reach tier database on every port", or "tier api connect to anybody on TCP/53".
func (w Widening) connections() string {
	pods := "pods that no tier selects"
	if w.Tier != "" {
		pods = "tier " + w.Tier
	}
	var parts []string
	for i, o := range w.Opens[:min(2, len(w.Opens))] {
		switch {
		case w.Direction == networkpolicy.Egress && i == 0:
			parts = append(parts, fmt.Sprintf("%s connect to %s on %s", pods, o.Peer, o.Ports))
		case w.Direction == networkpolicy.Egress:
			parts = append(parts, fmt.Sprintf("to %s on %s", o.Peer, o.Ports))
		case i == 0:
			parts = append(parts, fmt.Sprintf("%s reach %s on %s", o.Peer, pods, o.Ports))
		default:
			parts = append(parts, fmt.Sprintf("%s on %s", o.Peer, o.Ports))
		}
	}
	if more := len(w.Opens) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, ", and ")
}
