package connectivity

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// elsewhere is the namespace that stands for those of which nothing is known. No namespace can bear its name.
const elsewhere = "(other namespaces)"

// portNumbers gives the names of ports that policies speak of a number each, for pods of which nothing is known: they are
// taken to have a port of every name.
type portNumbers struct {
	byName   map[string]int32
	byNumber map[int32]string
	protocol map[string][]corev1.Protocol
}

func newPortNumbers(named map[string][]corev1.Protocol) portNumbers {
	out := portNumbers{byName: map[string]int32{}, byNumber: map[int32]string{}, protocol: named}
	// Every second one: two names are no range.
	next := portset.Last - 1
	for _, name := range slices.Sorted(maps.Keys(named)) {
		out.byName[name], out.byNumber[next] = next, name
		next -= 2
	}
	return out
}

// ports returns a port of every name.
func (n portNumbers) ports() []snapshot.ContainerPort {
	var out []snapshot.ContainerPort
	for _, name := range slices.Sorted(maps.Keys(n.byName)) {
		for _, protocol := range n.protocol[name] {
			out = append(out, snapshot.ContainerPort{Name: name, Protocol: protocol, Port: n.byName[name]})
		}
	}
	return out
}

// set returns the ports that a tier declares.
func (n portNumbers) set(ports []v1alpha1.Port) portset.Set {
	var out portset.Set
	for _, p := range ports {
		first, last := p.Port.IntVal, p.Port.IntVal
		if p.Port.Type == intstr.String {
			first, last = n.byName[p.Port.StrVal], n.byName[p.Port.StrVal]
		} else if p.EndPort != nil {
			last = *p.EndPort
		}
		out = out.Union(portset.Of(p.Protocol, first, last))
	}
	return out
}

// nameTier notes the names of ports that a tier declares.
func nameTierPorts(named map[string][]corev1.Protocol, ports []v1alpha1.Port) {
	for _, p := range ports {
		if p.Port.Type == intstr.String {
			namePort(named, p.Port.StrVal, p.Protocol)
		}
	}
}

func namePolicyPorts(named map[string][]corev1.Protocol, ports []networkingv1.NetworkPolicyPort) {
	for _, p := range ports {
		if p.Port != nil && p.Port.Type == intstr.String {
			protocol := corev1.ProtocolTCP
			if p.Protocol != nil {
				protocol = *p.Protocol
			}
			namePort(named, p.Port.StrVal, protocol)
		}
	}
}

func namePort(named map[string][]corev1.Protocol, name string, protocol corev1.Protocol) {
	if !slices.Contains(named[name], protocol) {
		named[name] = append(named[name], protocol)
		slices.Sort(named[name])
	}
}

// asking says what a selector of every pod asks for.
type asking int

const (
	// askingForSome: for no pod in particular. askingForAny: for one, whichever it is.
	askingForSome asking = iota
	askingForAny
)

// somePod returns a pod such as a selector would choose; false when there can be none, or that is too hard to tell.
func (f *field) somePod(namespace string, s *metav1.LabelSelector) (snapshot.Pod, bool) {
	found, ok, err := selector.Witness([]*metav1.LabelSelector{s}, nil)
	if err != nil || !ok {
		return snapshot.Pod{}, false
	}
	return f.podWith(namespace, found), true
}

func (f *field) podWith(namespace string, podLabels map[string]string) snapshot.Pod {
	return snapshot.Pod{Namespace: namespace, Labels: podLabels, Ports: f.numbers.ports(), Addresses: privateAddresses(), Count: 2}
}

// addTiers adds a pod that may come for each tier that no known pod is in.
func (f *field) addTiers(namespace string, groups [2][]group) {
	byID := map[string]*member{}
	for v := range f.views {
		for i := range groups[v] {
			g := &groups[v][i]
			if f.isRepresented(namespace, g.matcher) {
				continue
			}
			pod, ok := f.somePod(namespace, g.pods)
			if !ok {
				continue
			}
			m := byID[g.key]
			if m == nil {
				m = &member{namespace: namespace, id: g.key, name: "tier " + g.tier, home: g, someday: true}
				byID[g.key] = m
			}
			m.pods[v] = []snapshot.Pod{pod}
			m.declared = m.declared.Union(f.numbers.set(g.ports))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		f.addSomeday(byID[id])
	}
}

// isRepresented says whether some member of a namespace, in some view, is known to be chosen by a selector.
func (f *field) isRepresented(namespace string, s labels.Selector) bool {
	for _, m := range f.byNamespace[namespace] {
		for v := range f.views {
			for _, p := range m.pods[v] {
				if s.Matches(labels.Set(p.Labels)) {
					return true
				}
			}
		}
	}
	return false
}

// addSomeday adds a member that no known pod is of, unless another one with the same labels stands for it already.
func (f *field) addSomeday(m *member) {
	for _, other := range f.byNamespace[m.namespace] {
		if other.someday && sameLabels(other, m) {
			other.declared = other.declared.Union(m.declared)
			return
		}
	}
	f.add(m)
}

func sameLabels(a, b *member) bool {
	for v := range a.pods {
		x, y := a.pods[v], b.pods[v]
		if len(x) == 0 {
			x = a.pods[1-v]
		}
		if len(y) == 0 {
			y = b.pods[1-v]
		}
		if len(x) != 1 || len(y) != 1 || !maps.Equal(x[0].Labels, y[0].Labels) {
			return false
		}
	}
	return true
}

func (f *field) add(m *member) {
	f.members = append(f.members, m)
	f.byNamespace[m.namespace] = append(f.byNamespace[m.namespace], m)
}

// addSelected adds a pod that may come for each selector of a policy in a namespace that was asked for.
func (f *field) addSelected(namespace string, p *place) error {
	for _, policy := range p.policies {
		if err := f.addChosen(namespace, &policy.Spec.PodSelector, askingForSome); err != nil {
			return fmt.Errorf("NetworkPolicy %s/%s: podSelector: %w", namespace, policy.Name, err)
		}
	}
	return nil
}

// addChosen adds a pod that may come, when none is known that the selector chooses in the namespace.
func (f *field) addChosen(namespace string, s *metav1.LabelSelector, which asking) error {
	compiled, err := selector.Compile(s)
	if err != nil {
		return err
	}
	key := namespace + "\x00" + compiled.String()
	if f.chosen[key] {
		return nil
	}
	f.chosen[key] = true
	if f.isRepresented(namespace, compiled) || (compiled.Empty() && which == askingForSome) {
		return nil
	}
	pod, ok := f.somePod(namespace, s)
	if !ok {
		return nil
	}
	m := &member{
		namespace: namespace, id: "pods " + compiled.String(), name: selector.PodsByName(s), longName: selector.PodsInWords(s), someday: true,
	}
	m.pods[0], m.pods[1] = []snapshot.Pod{pod}, []snapshot.Pod{pod}
	m.dns = isDNS(namespace, pod.Labels)
	f.addSomeday(m)
	return nil
}

// isDNS says whether a pod is the cluster's DNS by the labels that it bears nearly everywhere.
func isDNS(namespace string, podLabels map[string]string) bool {
	switch namespace {
	case metav1.NamespaceSystem:
		return podLabels["k8s-app"] == "kube-dns"
	case "openshift-dns":
		return podLabels["dns.operator.openshift.io/daemonset-dns"] == "default"
	}
	return false
}
