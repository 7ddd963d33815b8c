package analyzer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/selector"
)

// either names a list with pods in one item and namespaces in another, where pods in those namespaces were probably meant. All pods of
// the own namespace beside other namespaces is a common and sensible list.
func (m *mistakes) either(r givenRule) {
	pods := slices.IndexFunc(r.peers, func(p networkingv1.NetworkPolicyPeer) bool {
		return p.PodSelector != nil && p.NamespaceSelector == nil && !isEverything(p.PodSelector)
	})
	namespaces := slices.IndexFunc(r.peers, func(p networkingv1.NetworkPolicyPeer) bool {
		return p.NamespaceSelector != nil && p.PodSelector == nil
	})
	if pods < 0 || namespaces < 0 {
		return
	}
	m.add(r.place(), "items %d and %d are alternatives, so the rule %s pods with %s of this namespace, and also any pod of %s; write podSelector and namespaceSelector in one item if pods that match both are meant",
		pods, namespaces, r.verb(), metav1.FormatLabelSelector(r.peers[pods].PodSelector), namespacesInWords(r.peers[namespaces].NamespaceSelector, regions{own: true, others: true}))
}

// namespaces names a namespaceSelector that is wider, or weaker, than it looks.
func (m *mistakes) namespaces(place string, p networkingv1.NetworkPolicyPeer) {
	switch s := p.NamespaceSelector; {
	case s == nil:
	case isEverything(s) && (p.PodSelector == nil || isEverything(p.PodSelector)):
		m.add(place, "namespaceSelector: {} means every namespace, so this is any pod of the cluster; choose namespaces by %s", selector.NamespaceNameLabel)
	case isEverything(s):
		m.add(place, "namespaceSelector: {} means every namespace, so anybody who may create a pod somewhere can give it %s; choose namespaces by %s",
			metav1.FormatLabelSelector(p.PodSelector), selector.NamespaceNameLabel)
	default:
		if key, found := madeUpName(s); found {
			m.add(place, "nobody sets the label %s on a namespace by itself, and whoever may change namespaces can set it on any; use %s, which the API server sets to the name and protects", key, selector.NamespaceNameLabel)
		}
	}
}

// madeUpName returns the key of a label by which a selector means a namespace's name without it being the one that the API server sets.
func madeUpName(s *metav1.LabelSelector) (string, bool) {
	if _, pinned := selector.PinnedNames(s); pinned {
		return "", false
	}
	var keys []string
	for key := range s.MatchLabels {
		keys = append(keys, key)
	}
	for _, e := range s.MatchExpressions {
		if e.Operator == metav1.LabelSelectorOpIn {
			keys = append(keys, e.Key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		switch key[strings.LastIndex(key, "/")+1:] {
		case "name", "namespace", "ns", "metadata.name":
			return key, true
		}
	}
	return "", false
}

// broadest is the longest prefix of a part of the world; one that is longer is a network that somebody owns.
const broadest = 7

// blocks names the ipBlocks of a rule that come to a good part of all addresses and reach into ranges that are not the internet. What
// counts is what they come to together: two halves are as broad as the whole.
func (m *mistakes) blocks(r givenRule) {
	var cidrs, open []netip.Prefix
	widest, bits := -1, 0
	for i, p := range r.peers {
		if p.IPBlock == nil {
			continue
		}
		cidr, err := netip.ParsePrefix(p.IPBlock.CIDR)
		read, errExcept := readBlock(*p.IPBlock)
		if err != nil || errExcept != nil {
			continue
		}
		cidrs, open = append(cidrs, cidr), append(open, read...)
		if widest < 0 || cidr.Bits() < bits {
			widest, bits = i, cidr.Bits()
		}
	}
	broad := slices.DeleteFunc(ipset.Aggregate(cidrs), func(p netip.Prefix) bool { return p.Bits() > broadest })
	if len(broad) == 0 {
		return
	}
	special := within(open, broad)
	if len(special) == 0 {
		return
	}
	ipv6 := ""
	if !slices.ContainsFunc(cidrs, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		ipv6 = fmt.Sprintf(", and say what is meant of IPv6, of which the rule says nothing (%s is the public part)", ipset.GlobalUnicast6())
	}
	m.add(fmt.Sprintf("%s[%d].ipBlock", r.place(), widest), "the addresses come to %s, and of those that are not the internet the rule %s %s; add them to except%s",
		enumerate(texts(broad), "and"), r.verb(), enumerate(named(special), "and"), ipv6)
}

// within returns the special-use ranges, of both families, that are open and lie in one of the broad ones. The one of cloud metadata, which
// gives away credentials, comes first.
func within(open, broad []netip.Prefix) []netip.Prefix {
	ranges := append([]netip.Prefix{linkLocal()}, slices.DeleteFunc(ipset.SpecialUse(), func(p netip.Prefix) bool { return p == linkLocal() })...)
	for _, text := range []string{"fc00::/7", "fe80::/10", "ff00::/8"} {
		ranges = append(ranges, netip.MustParsePrefix(text))
	}
	return slices.DeleteFunc(ranges, func(special netip.Prefix) bool {
		inside := slices.ContainsFunc(broad, func(b netip.Prefix) bool { return ipset.Contains(b, special) })
		closed := ipset.Subtract([]netip.Prefix{special}, open)
		return !inside || slices.Equal(closed, []netip.Prefix{special})
	})
}

// linkLocal is where cloud providers serve metadata, RFC 3927.
func linkLocal() netip.Prefix { return netip.MustParsePrefix("169.254.0.0/16") }

func texts(prefixes []netip.Prefix) []string {
	var out []string
	for _, p := range prefixes {
		out = append(out, p.String())
	}
	return out
}

func named(special []netip.Prefix) []string {
	out := texts(special)
	for i, p := range special {
		if p == linkLocal() {
			out[i] += " (link local: cloud metadata)"
		}
	}
	return out
}
