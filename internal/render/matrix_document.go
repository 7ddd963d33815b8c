package render

import (
	"firebreak.dev/firebreak/internal/connectivity"
)

// MatrixDocument is who can reach whom, for machines.
type MatrixDocument struct {
	// Parties are the ends of connections: those that were asked for, and others that have a connection with them.
	Parties []PartyDocument `json:"parties"`
	// Connections are all connections with one of the parties that were asked for.
	Connections []ConnectionDocument `json:"connections"`
	// Open is set when connections that nothing restricts are too many to list.
	Open *OpenDocument `json:"open,omitempty"`
}

// PartyDocument is an end of connections.
type PartyDocument struct {
	// Key identifies the party, from one call to the next.
	Key string `json:"key"`
	// Kind is Tier, Workload, Pods, OtherNamespaces, DNS or Addresses.
	Kind connectivity.PartyKind `json:"kind"`
	// Name is what it is called in its namespace.
	Name string `json:"name"`
	// Namespace is missing for what is in none.
	Namespace string `json:"namespace,omitempty"`
	// Was is what it was called before, in a comparison, when that differs.
	Was string `json:"was,omitempty"`
	// Hypothetical: no such pod is known; what is said holds for the first one that comes.
	Hypothetical bool `json:"hypothetical,omitempty"`
}

// ConnectionDocument is that one party can reach another.
type ConnectionDocument struct {
	// From and To are keys of parties.
	From string `json:"from"`
	To   string `json:"to"`
	PortsDocument
}

// PortsDocument is ports, such as "TCP/443", "TCP/8000-8010", "every UDP port" or "every port".
type PortsDocument struct {
	// Ports are open between all pods of the two parties.
	Ports []string `json:"ports,omitempty"`
	// SomePods are the ports that are open between some of them only.
	SomePods []string `json:"somePods,omitempty"`
	// Undecidable are the ports on which it depends on the network plugin.
	Undecidable []string `json:"undecidable,omitempty"`
	// Undeclared are those of all these that the destination does not declare, where it declares some.
	Undeclared []string `json:"undeclared,omitempty"`
}

// OpenDocument is parties of which nothing isolates the egress, and parties of which nothing isolates the ingress: each of the
// first can reach each of the second on every port.
type OpenDocument struct {
	From  []string `json:"from"`
	To    []string `json:"to"`
	Count int      `json:"count"`
}

// NewMatrixDocument returns the matrix for machines.
func NewMatrixDocument(m *connectivity.Matrix) MatrixDocument {
	out := MatrixDocument{Parties: []PartyDocument{}, Connections: []ConnectionDocument{}}
	for _, p := range m.Parties {
		out.Parties = append(out.Parties, newPartyDocument(p))
	}
	for _, c := range m.Connections {
		out.Connections = append(out.Connections, ConnectionDocument{From: documentKey(c.From), To: documentKey(c.To), PortsDocument: newPortsDocument(c.Ports)})
	}
	if m.Open != nil {
		out.Open = &OpenDocument{From: keys(m.Open.From), To: keys(m.Open.To), Count: m.Open.Count}
	}
	return out
}

// documentKey identifies a party: one that was called otherwise is another than one that was not.
func documentKey(p connectivity.Party) string {
	if p.Was != "" {
		return p.Key + " was " + p.Was
	}
	return p.Key
}

func newPartyDocument(p connectivity.Party) PartyDocument {
	return PartyDocument{Key: documentKey(p), Kind: p.Kind, Name: p.Name, Namespace: p.Namespace, Was: p.Was, Hypothetical: p.Someday}
}

func newPortsDocument(p connectivity.Ports) PortsDocument {
	return PortsDocument{Ports: p.List(p.Allowed), SomePods: p.List(p.Some), Undecidable: p.List(p.Undecidable), Undeclared: p.List(p.Beyond())}
}

func keys(list []connectivity.Party) []string {
	out := make([]string, 0, len(list))
	for _, p := range list {
		out = append(out, documentKey(p))
	}
	return out
}
