package connectivity

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/snapshot"
)

// View is a cluster, or a part of one, with the policies in force.
type View struct {
	// Places are the namespaces, in any order, each once.
	Places []*analyzer.Place
	// Outputs are what profiles want in each namespace, by its name. Parties get the names of their tiers.
	Outputs map[string][]compiler.Output
	// Complete: there are no other namespaces. Otherwise the others are taken for open, and stood for by one party.
	Complete bool
}

// Of returns an outlook as a view.
func Of(o *outlook.Outlook, coverage Coverage) *View {
	v := &View{Outputs: map[string][]compiler.Output{}, Complete: coverage == WholeCluster}
	for _, ns := range o.Namespaces {
		v.Places = append(v.Places, ns.Place)
		v.Outputs[ns.Namespace.Name] = ns.Outputs
	}
	return v
}

// Coverage says how much of a cluster a view has.
type Coverage int

// The coverages.
const (
	// PartOfCluster: there may be other namespaces.
	PartOfCluster Coverage = iota
	// WholeCluster: there are no others.
	WholeCluster
)

// Scope says which connections are asked for.
type Scope struct {
	// Namespaces are those of which every connection is wanted; empty for all.
	Namespaces []string
}

func (s Scope) isAll() bool { return len(s.Namespaces) == 0 }

func (s Scope) has(namespace string) bool {
	return s.isAll() || slices.Contains(s.Namespaces, namespace)
}

// place is a namespace of a view, as it is known there: one that the view does not have is open.
type place struct {
	known    bool
	labels   map[string]string
	policies []*networkingv1.NetworkPolicy
	pods     []snapshot.Pod
	outputs  []compiler.Output
}

// placesOf returns the namespaces of a view by name.
func placesOf(v *View) map[string]*place {
	out := map[string]*place{}
	for _, p := range v.Places {
		out[p.Namespace.Name] = &place{
			known: true, labels: p.Namespace.Labels, policies: p.Policies, pods: p.Pods, outputs: v.Outputs[p.Namespace.Name],
		}
	}
	return out
}
