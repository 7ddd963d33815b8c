package connectivity

import (
	"cmp"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/selector"
)

// manyNamespaces is from how many namespaces on those that are alike are one party, where all are asked for.
const manyNamespaces = 5

// peer is pods that a rule names.
type peer struct {
	// namespace is that of the policy.
	namespace string
	// namespaces is nil for the policy's own.
	namespaces *metav1.LabelSelector
	pods       *metav1.LabelSelector

	inNamespaces, matching labels.Selector
	dns                    bool
}

func newPeer(namespace string, given networkingv1.NetworkPolicyPeer) (peer, error) {
	p := peer{namespace: namespace, namespaces: given.NamespaceSelector, pods: given.PodSelector}
	if p.pods == nil {
		p.pods = &metav1.LabelSelector{}
	}
	var err error
	if p.matching, err = selector.Compile(p.pods); err != nil {
		return p, fmt.Errorf("podSelector: %w", err)
	}
	if p.namespaces != nil {
		if p.inNamespaces, err = selector.Compile(p.namespaces); err != nil {
			return p, fmt.Errorf("namespaceSelector: %w", err)
		}
	}
	return p, nil
}

func (p peer) key() string {
	if p.namespaces == nil {
		return p.namespace + "\x00" + p.matching.String()
	}
	return "\x00" + p.inNamespaces.String() + "\x00" + p.matching.String()
}

// peers returns the pods that the rules of the namespaces that were asked for name, each once, sorted.
func (f *field) peers() ([]peer, error) {
	byKey := map[string]peer{}
	for v := range f.views {
		for _, namespace := range f.names {
			if !f.scope.has(namespace) {
				continue
			}
			for _, policy := range f.at(v, namespace).policies {
				for _, given := range peersOfPolicy(policy) {
					p, err := newPeer(namespace, given)
					if err != nil {
						return nil, fmt.Errorf("NetworkPolicy %s/%s: %w", namespace, policy.Name, err)
					}
					byKey[p.key()] = p
				}
			}
		}
	}
	dns, err := f.dnsPeers()
	if err != nil {
		return nil, err
	}
	out := make([]peer, 0, len(byKey))
	for key, p := range byKey {
		p.dns = dns[key]
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b peer) int { return cmp.Compare(a.key(), b.key()) })
	return out, nil
}

// peersOfPolicy returns the peers of a policy that are pods.
func peersOfPolicy(policy *networkingv1.NetworkPolicy) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for _, r := range policy.Spec.Ingress {
		out = append(out, r.From...)
	}
	for _, r := range policy.Spec.Egress {
		out = append(out, r.To...)
	}
	return slices.DeleteFunc(out, func(p networkingv1.NetworkPolicyPeer) bool { return p.IPBlock != nil })
}

// dnsPeers returns, by key, the peers by which profiles mean the cluster's DNS, and notes its ports.
func (f *field) dnsPeers() (map[string]bool, error) {
	out := map[string]bool{}
	for v := range f.views {
		for namespace, p := range f.places[v] {
			for _, o := range p.outputs {
				for _, flow := range o.Flows {
					if flow.Entry != compiler.EntryDNS {
						continue
					}
					if err := f.noteDNS(namespace, flow, out); err != nil {
						return nil, fmt.Errorf("%s: %w", o.Profile.Key, err)
					}
				}
			}
		}
	}
	return out, nil
}

func (f *field) noteDNS(namespace string, flow compiler.Flow, into map[string]bool) error {
	for _, given := range flow.Peers {
		if given.IPBlock != nil {
			continue
		}
		p, err := newPeer(namespace, given)
		if err != nil {
			return err
		}
		into[p.key()] = true
		f.dnsPorts = f.dnsPorts.Union(f.numbers.set(flow.Ports))
	}
	return nil
}

// merge finds the namespaces that one party can stand for: those without policies and profiles of which no rule means a pod,
// unless they were asked for by name. Where all were asked for, few are not merged.
func (f *field) merge() error {
	f.merged = map[string]bool{}
	peers, err := f.peers()
	if err != nil {
		return err
	}
	var alike []string
	for _, name := range f.names {
		if (!f.scope.isAll() && f.scope.has(name)) || f.isSpokenOf(name) {
			continue
		}
		if !slices.ContainsFunc(peers, func(p peer) bool { return f.means(p, name) }) {
			alike = append(alike, name)
		}
	}
	if f.scope.isAll() && len(alike) <= manyNamespaces {
		return nil
	}
	for _, name := range alike {
		f.merged[name] = true
	}
	return nil
}

// means says whether a peer chooses a known pod of another namespace, or names that namespace.
func (f *field) means(p peer, namespace string) bool {
	if p.namespaces == nil || !f.choosesNamespace(p, namespace) {
		return false
	}
	if _, pinned := selector.PinnedNames(p.namespaces); pinned {
		return true
	}
	for v := range f.views {
		for _, pod := range f.at(v, namespace).pods {
			// The pods of a namespace that is chosen as a whole are what "other namespaces" means.
			if p.matching.Matches(labels.Set(pod.Labels)) && (!p.matching.Empty() || !p.inNamespaces.Empty()) {
				return true
			}
		}
	}
	return false
}

func (f *field) choosesNamespace(p peer, namespace string) bool {
	for v := range f.views {
		if p.inNamespaces.Matches(namespaceLabels(namespace, f.labels[v][namespace])) {
			return true
		}
	}
	return false
}

// namespaceLabels returns the labels of a namespace with the one that the API server gives each.
func namespaceLabels(name string, given map[string]string) labels.Set {
	if _, ok := given[selector.NamespaceNameLabel]; ok {
		return given
	}
	out := labels.Set{selector.NamespaceNameLabel: name}
	for k, v := range given {
		out[k] = v
	}
	return out
}

// gatherPeers adds a pod that may come for each peer that means none that is known.
func (f *field) gatherPeers() error {
	peers, err := f.peers()
	if err != nil {
		return err
	}
	for _, p := range peers {
		var err error
		names, pinned := selector.PinnedNames(p.namespaces)
		switch {
		case p.namespaces == nil:
			err = f.addChosen(p.namespace, p.pods, askingForSome)
		case pinned:
			for _, name := range names {
				f.learn(name, nil)
				if err = f.addChosen(name, p.pods, askingForAny); err != nil {
					break
				}
			}
		case !f.choosesKnown(p):
			err = f.addUnknown(p)
		}
		if err != nil {
			return err
		}
		f.markDNS(p)
	}
	return nil
}

// choosesKnown says whether some known pod is meant.
func (f *field) choosesKnown(p peer) bool {
	for namespace := range f.byNamespace {
		if f.choosesNamespace(p, namespace) && f.isRepresented(namespace, p.matching) {
			return true
		}
	}
	return false
}

// addUnknown adds a pod in a namespace of which nothing is known but that a peer chooses it.
func (f *field) addUnknown(p peer) error {
	found, ok, err := selector.Witness([]*metav1.LabelSelector{p.namespaces}, nil)
	if err != nil || !ok {
		return nil //nolint:nilerr // a selector that is too hard to search is stood for by nobody
	}
	name := elsewhere
	if len(found) > 0 {
		name = "namespaces with " + selector.InWords(p.namespaces)
	} else if p.matching.Empty() {
		return nil
	}
	f.learn(name, found)
	return f.addChosen(name, p.pods, askingForAny)
}

// learn adds a namespace that no view has.
func (f *field) learn(name string, given map[string]string) {
	for v := range f.views {
		if _, known := f.labels[v][name]; !known {
			f.labels[v][name] = given
		}
	}
	if !slices.Contains(f.names, name) {
		f.names = append(f.names, name)
		slices.Sort(f.names)
	}
}

// markDNS says of the members that a peer of DNS means that they are that.
func (f *field) markDNS(p peer) {
	if !p.dns {
		return
	}
	for namespace, members := range f.byNamespace {
		if p.namespaces == nil || !f.choosesNamespace(p, namespace) {
			continue
		}
		for _, m := range members {
			m.dns = m.dns || p.matching.Matches(labels.Set(firstOf(m.pods).Labels))
		}
	}
}
