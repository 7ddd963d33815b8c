package analyzer

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Place is a namespace as the connections with it are judged.
type Place struct {
	Namespace snapshot.Namespace
	Policies  []*networkingv1.NetworkPolicy
	// Rules are the policies, read.
	Rules *evaluator.Namespace
	// Pods are the running ones.
	Pods []snapshot.Pod
}

// NewPlace reads the policies of a namespace. An error names the one that cannot be read.
func NewPlace(ns snapshot.Namespace, policies []*networkingv1.NetworkPolicy, pods []snapshot.Pod) (*Place, error) {
	rules, err := evaluator.Read(ns, policies)
	if err != nil {
		return nil, err
	}
	return &Place{Namespace: ns, Policies: policies, Rules: rules, Pods: pods}, nil
}

// Reach says which namespaces the peers of flows may be in, so that no others need to be looked at.
type Reach struct {
	// Everywhere: an output is previewed, and what it would cut may lead to any namespace.
	Everywhere bool
	// Names are namespaces that peers name.
	Names map[string]bool
	// Selectors choose namespaces by other labels.
	Selectors []labels.Selector
}

// ReachOf returns the reach of what profiles want in a namespace. The namespace itself is not in it.
func ReachOf(namespace string, outputs []compiler.Output) (Reach, error) {
	reach := Reach{Names: map[string]bool{}}
	seen := map[string]bool{}
	for _, o := range outputs {
		reach.Everywhere = reach.Everywhere || o.Disposition == compiler.Preview
		for _, flow := range o.Flows {
			for _, peer := range flow.Peers {
				if peer.NamespaceSelector == nil {
					continue
				}
				if names, ok := selector.PinnedNames(peer.NamespaceSelector); ok {
					for _, name := range names {
						reach.Names[name] = true
					}
					continue
				}
				compiled, err := selector.Compile(peer.NamespaceSelector)
				if err != nil {
					return Reach{}, fmt.Errorf("allow entry %s: namespaceSelector: %w", flow.Entry, err)
				}
				if key := compiled.String(); !seen[key] {
					seen[key] = true
					reach.Selectors = append(reach.Selectors, compiled)
				}
			}
		}
	}
	delete(reach.Names, namespace)
	return reach, nil
}

// Includes says whether a namespace is within reach.
func (r Reach) Includes(ns snapshot.Namespace) bool {
	if r.Everywhere || r.Names[ns.Name] {
		return true
	}
	for _, s := range r.Selectors {
		if s.Matches(labels.Set(ns.Labels)) {
			return true
		}
	}
	return false
}

// tierPods returns the pods that a tier selects. Those on the host network, which policies do not govern, are left out.
func tierPods(tier v1alpha1.ClusterTier, pods []snapshot.Pod) ([]*snapshot.Pod, error) {
	return matching(selector.FromAPI(tier.PodSelector), pods)
}

func matching(s *metav1.LabelSelector, pods []snapshot.Pod) ([]*snapshot.Pod, error) {
	compiled, err := selector.Compile(s)
	if err != nil {
		return nil, err
	}
	var out []*snapshot.Pod
	for i := range pods {
		if p := &pods[i]; !p.HostNetwork && !p.Completed && compiled.Matches(labels.Set(p.Labels)) {
			out = append(out, p)
		}
	}
	return out, nil
}

// orSomeday returns the pods or, when there are none, one such as the selector would choose: what is true of it will be true
// of the first one that comes. Nothing when no pod can match, or that is too hard to tell.
func orSomeday(pods []*snapshot.Pod, namespace string, s *metav1.LabelSelector) []*snapshot.Pod {
	if len(pods) > 0 {
		return pods
	}
	found, ok, err := selector.Witness([]*metav1.LabelSelector{s}, nil)
	if err != nil || !ok {
		return nil
	}
	return []*snapshot.Pod{{Namespace: namespace, Labels: found}}
}
