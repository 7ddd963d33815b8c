// Package outlook says which NetworkPolicies are in force in each namespace of a cluster: those that are there, or those
// that will be once the operator has done its work. It is the operator's own way from profiles to policies, walked without
// writing anything.
package outlook

import (
	"cmp"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Outlook is a cluster with the policies that are in force.
type Outlook struct {
	Cluster *snapshot.Cluster
	// Namespaces are sorted by name.
	Namespaces []*Namespace
}

// Namespace is a namespace with what is in force there.
type Namespace struct {
	// Place has the policies in force.
	*analyzer.Place
	// Outputs are what each profile wants here.
	Outputs []compiler.Output
	// Changes are what the operator would write, seen from the policies of the Cluster.
	Changes plan.ChangeSet
}

// AsIs returns a cluster with the policies that it has. An error names a policy that cannot be read.
func AsIs(c *snapshot.Cluster) (*Outlook, error) {
	return look(c, func(_ *Namespace, there []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy { return there })
}

// Settled returns a cluster with the policies that it will have when the operator has carried out all its changes and none
// failed. An error names a policy that cannot be read.
func Settled(c *snapshot.Cluster) (*Outlook, error) {
	return look(c, func(ns *Namespace, there []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
		return carriedOut(ns.Changes, there)
	})
}

func look(c *snapshot.Cluster, inForce func(*Namespace, []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy) (*Outlook, error) {
	namespaces := slices.SortedFunc(slices.Values(c.Namespaces), func(a, b snapshot.Namespace) int { return cmp.Compare(a.Name, b.Name) })
	pods := map[string][]snapshot.Pod{}
	for _, p := range c.Pods {
		pods[p.Namespace] = append(pods[p.Namespace], p)
	}
	out := &Outlook{Cluster: c, Namespaces: make([]*Namespace, 0, len(namespaces))}
	for _, s := range c.Snapshots(namespaces) {
		ns := &Namespace{Outputs: compiler.Compile(s)}
		ns.Changes = plan.New(plan.Input{Outputs: ns.Outputs, Live: s.Policies})
		var err error
		if ns.Place, err = analyzer.NewPlace(s.Namespace, inForce(ns, s.Policies), pods[s.Namespace.Name]); err != nil {
			return nil, fmt.Errorf("read the policies of namespace %s: %w", s.Namespace.Name, err)
		}
		out.Namespaces = append(out.Namespaces, ns)
	}
	return out, nil
}

// carriedOut returns the policies that are there after the changes, sorted by name.
func carriedOut(changes plan.ChangeSet, there []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	byName := make(map[string]*networkingv1.NetworkPolicy, len(there))
	for _, policy := range there {
		byName[policy.Name] = policy
	}
	for _, step := range changes.Steps {
		for _, change := range step {
			if change.Desired == nil {
				delete(byName, change.Name())
				continue
			}
			byName[change.Name()] = change.Desired
		}
	}
	out := make([]*networkingv1.NetworkPolicy, 0, len(byName))
	for _, policy := range byName {
		out = append(out, policy)
	}
	slices.SortFunc(out, func(a, b *networkingv1.NetworkPolicy) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// In returns the namespace of this name; nil when there is none.
func (o *Outlook) In(name string) *Namespace {
	i, ok := slices.BinarySearchFunc(o.Namespaces, name, func(ns *Namespace, name string) int { return cmp.Compare(ns.Namespace.Name, name) })
	if !ok {
		return nil
	}
	return o.Namespaces[i]
}

// Others returns the namespaces but one, as the analyzer takes them.
func (o *Outlook) Others(than *Namespace) []*analyzer.Place {
	out := make([]*analyzer.Place, 0, len(o.Namespaces))
	for _, ns := range o.Namespaces {
		if ns != than {
			out = append(out, ns.Place)
		}
	}
	return out
}

// World returns all pods with the policies in force.
func (o *Outlook) World() evaluator.World {
	w := evaluator.World{Pods: o.Cluster.Pods, Namespaces: o.Cluster.Namespaces}
	for _, ns := range o.Namespaces {
		w.Policies = append(w.Policies, ns.Policies...)
	}
	return w
}

// Enforced returns the cluster as it is when every profile that is in Preview is enforced, in place of the one that it is a
// preview of.
func Enforced(c *snapshot.Cluster) *snapshot.Cluster {
	out := *c
	out.Options.PreviewOnly = false
	out.Profiles = slices.Clone(c.Profiles)
	replaced := map[snapshot.ProfileKey]bool{}
	for i := range out.Profiles {
		p := &out.Profiles[i]
		if p.PreviewOf != "" {
			replaced[snapshot.ProfileKey{Kind: p.Key.Kind, Namespace: p.Key.Namespace, Name: p.PreviewOf}] = true
		}
		p.Mode, p.PreviewOf = v1alpha1.ModeEnforce, ""
	}
	for i := range out.Profiles {
		if p := &out.Profiles[i]; replaced[p.Key] {
			p.Deleting, p.DeletionPolicy = true, v1alpha1.DeletionPolicyDelete
		}
	}
	return &out
}
