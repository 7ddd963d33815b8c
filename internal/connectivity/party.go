package connectivity

import (
	"cmp"
	"strings"

	"firebreak.dev/firebreak/internal/selector"
)

// otherPods are those of a namespace that are in no tier.
const otherPods = "other pods"

// PartyKind says what a party is.
type PartyKind string

// The kinds of parties.
const (
	// KindTier is the pods of a tier of a profile.
	KindTier PartyKind = "Tier"
	// KindWorkload is the pods of a workload that is in no tier.
	KindWorkload PartyKind = "Workload"
	// KindPods is pods that only a selector tells of: none is known.
	KindPods PartyKind = "Pods"
	// KindOthers is the pods of namespaces that no policy treats unlike one another.
	KindOthers PartyKind = "OtherNamespaces"
	// KindDNS is the cluster's DNS.
	KindDNS PartyKind = "DNS"
	// KindAddresses is addresses outside the cluster.
	KindAddresses PartyKind = "Addresses"
)

// Party is an end of connections, as people think of it.
type Party struct {
	// Key is the same for the same party in other views, whatever its pods, hashes and UIDs.
	Key  string
	Kind PartyKind
	// Name is what it is called within its namespace: "tier api", "Deployment legacy-worker", "prometheus", "every pod".
	Name string
	// Namespace is empty for what is in none.
	Namespace string
	// Was is what it was called before, in a comparison; empty when that is the same.
	Was string
	// Someday: no such pod is known. What is said holds for the first one that comes.
	Someday bool
	// Inside: it is in a namespace that was asked for.
	Inside bool
}

// String returns the name with the namespace: "tier api in production", "every pod of ingress-nginx", "the
// internet".
func (p Party) String() string { return p.In("") }

// In returns the name as it reads where one namespace is spoken of: parties of that one need not say so.
func (p Party) In(namespace string) string {
	name := p.Name
	// The value of a label alone does not say that it is one.
	isBare := p.Kind == KindPods && !strings.Contains(name, " ")
	switch {
	case p.Namespace == "" || (p.Namespace == namespace && !isBare):
	case name == otherPods:
		name += " of " + p.Namespace
	default:
		name = selector.Placed(name, p.Namespace)
	}
	if p.Was != "" {
		name += " (was " + p.Was + ")"
	}
	return name
}

// rank orders parties: those that were asked for, other pods, other namespaces, DNS, addresses.
func (p Party) rank() int {
	switch {
	case p.Kind == KindOthers:
		return 2
	case p.Inside:
		return 0
	case p.Kind == KindDNS:
		return 3
	case p.Kind == KindAddresses:
		return 4
	}
	return 1
}

// party is a Party while connections are being gathered.
type party struct {
	Party
	// order is that of its tier among those of the namespace.
	order   int
	members []*member
}

func compareParties(a, b *party) int {
	return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)),
		cmp.Compare(a.order, b.order), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key))
}

func kindOrder(k PartyKind) int {
	switch k {
	case KindTier:
		return 0
	case KindWorkload:
		return 1
	default:
		return 2
	}
}
