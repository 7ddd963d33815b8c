package intent

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Reading is what the profiles of a cluster say. It may be asked again and again, by one caller at a time.
type Reading struct {
	snapshot.Cluster
	namespaces map[string]snapshot.Namespace
	ends       map[endKey]*end
}

// Read reads the profiles of a cluster, whose Policies it ignores. It keeps pods apart by where they are in memory, so each of
// the cluster's must stand for one pod, and who asks about them must point at them.
func Read(c snapshot.Cluster) *Reading {
	r := &Reading{Cluster: c, namespaces: map[string]snapshot.Namespace{}, ends: map[endKey]*end{}}
	for _, ns := range c.Namespaces {
		r.namespaces[ns.Name] = ns
	}
	return r
}

// Said is the ports of a destination on which connections are allowed, and those other ones on which it depends on the network
// plugin.
type Said struct{ Allowed, Undecidable portset.Set }

// Verdict says it of one port: Allowed, Denied or Undecidable.
func (s Said) Verdict(protocol corev1.Protocol, port int32) evaluator.Verdict {
	switch {
	case s.Allowed.Contains(protocol, port):
		return evaluator.Allowed
	case s.Undecidable.Contains(protocol, port):
		return evaluator.Undecidable
	}
	return evaluator.Denied
}

// Between says on which ports the source may connect to the destination: both ends must be open.
func (r *Reading) Between(source, destination evaluator.Endpoint) Said {
	egress := r.at(networkpolicy.Egress, source, destination, destination.Pod)
	ingress := r.at(networkpolicy.Ingress, destination, source, destination.Pod)
	allowed := egress.Allowed.Intersect(ingress.Allowed)
	possible := egress.Allowed.Union(egress.Undecidable).Intersect(ingress.Allowed.Union(ingress.Undecidable))
	return Said{allowed, possible.Minus(allowed)}
}

// at says what one end lets pass.
func (r *Reading) at(direction networkpolicy.Direction, self, other evaluator.Endpoint, destination *snapshot.Pod) Said {
	switch {
	case self.Pod != nil && self.Pod.Completed || other.Pod != nil && other.Pod.Completed:
		return Said{} // It has no network.
	case self.Pod == nil || self.Pod.HostNetwork || self.Pod == other.Pod:
		return Said{Allowed: portset.All()}
	}
	return r.end(direction, self.Pod).admits(other, destination)
}

// admits says for whom an end is open.
func (e *end) admits(other evaluator.Endpoint, destination *snapshot.Pod) Said {
	if !e.closed {
		return Said{Allowed: portset.All()}
	}
	var out Said
	for _, o := range e.open {
		switch o.who.is(other) {
		case yes:
			out.Allowed = out.Allowed.Union(numbers(o.ports, destination))
		case dependsOnPlugin:
			out.Undecidable = out.Undecidable.Union(numbers(o.ports, destination))
		case no:
		}
	}
	return out
}

// numbers returns the ports at a destination; nil for an address, towards which names mean nothing. A name stands for whatever
// numbers the pod gives to it.
func numbers(ports []v1alpha1.Port, destination *snapshot.Pod) portset.Set {
	var out portset.Set
	for _, p := range ports {
		switch {
		case p.Port.Type == intstr.Int && p.EndPort != nil:
			out = out.Union(portset.Of(p.Protocol, p.Port.IntVal, *p.EndPort))
		case p.Port.Type == intstr.Int:
			out = out.Union(portset.Of(p.Protocol, p.Port.IntVal, p.Port.IntVal))
		case destination != nil:
			for _, own := range destination.Ports {
				if own.Name == p.Port.StrVal && own.Protocol == p.Protocol {
					out = out.Union(portset.Of(own.Protocol, own.Port, own.Port))
				}
			}
		}
	}
	return out
}

// end is what the profiles say of one direction of a pod's connections.
type end struct {
	closed bool
	open   []opening
}

// opening is whom an end is open for, on these ports of the destination.
type opening struct {
	who   who
	ports []v1alpha1.Port
}

type endKey struct {
	direction networkpolicy.Direction
	pod       *snapshot.Pod
}

// end reads every enforcing profile that acts in the pod's namespace. What they allow adds up.
func (r *Reading) end(direction networkpolicy.Direction, pod *snapshot.Pod) *end {
	key := endKey{direction, pod}
	if known := r.ends[key]; known != nil {
		return known
	}
	out := &end{}
	r.ends[key] = out
	for _, p := range r.Profiles {
		if p.Mode != v1alpha1.ModeEnforce || !r.actsIn(p, pod.Namespace) {
			continue
		}
		out.closed = out.closed || p.Isolation == v1alpha1.IsolationNamespace
		for _, tier := range p.Tiers {
			if !r.livesIn(tier, pod.Namespace) || !matches(tier.PodSelector, pod.Labels) {
				continue
			}
			out.closed = true
			if direction == networkpolicy.Egress {
				out.open = append(out.open, r.dns(cmp.Or(tier.DNS, p.DNS))...)
			}
			for _, entry := range p.Allow {
				out.open = append(out.open, r.opens(direction, entry, standpoint{p, tier, pod.Namespace})...)
			}
		}
	}
	return out
}

// standpoint is a tier of a profile in a namespace: peers are seen from there.
type standpoint struct {
	profile   snapshot.Profile
	tier      v1alpha1.ClusterTier
	namespace string
}

// opens says what an allow entry opens at a tier: egress for those in from, ingress for those in to.
func (r *Reading) opens(direction networkpolicy.Direction, entry v1alpha1.AllowEntry, here standpoint) []opening {
	var out []opening
	isTier := func(p v1alpha1.Peer) bool { return p.Tier == here.tier.Name }
	switch {
	case direction == networkpolicy.Egress && slices.ContainsFunc(entry.From, isTier):
		for _, peer := range entry.To {
			for _, o := range r.standsFor(peer, here) {
				out = append(out, opening{o.who, towards(o.who, either(entry.Ports, o.ports))})
			}
		}
	case direction == networkpolicy.Ingress && slices.ContainsFunc(entry.To, isTier):
		for _, peer := range entry.From {
			for _, o := range r.standsFor(asSource(peer), here) {
				out = append(out, opening{o.who, either(entry.Ports, here.tier.Ports)})
			}
		}
	}
	return out
}

// either returns the ports of an entry, which replace the destination's own.
func either(entry, own []v1alpha1.Port) []v1alpha1.Port {
	if len(entry) > 0 {
		return entry
	}
	return own
}

// towards returns the ports that mean something at a destination. Names mean nothing towards addresses.
func towards(w who, ports []v1alpha1.Port) []v1alpha1.Port {
	if w.holds == nil {
		return ports
	}
	return slices.DeleteFunc(slices.Clone(ports), func(p v1alpha1.Port) bool { return p.Port.Type == intstr.String })
}

func (r *Reading) actsIn(p snapshot.Profile, namespace string) bool {
	switch {
	case r.Options.Protected(namespace):
		return false
	case p.Key.Kind == v1alpha1.KindSegmentationProfile:
		return p.Key.Namespace == namespace
	}
	return matches(p.NamespaceSelector, r.namespaces[namespace].Labels)
}

// livesIn says whether a tier is in a namespace in which its profile acts.
func (r *Reading) livesIn(tier v1alpha1.ClusterTier, namespace string) bool {
	return tier.NamespaceSelector == nil || matches(tier.NamespaceSelector, r.namespaces[namespace].Labels)
}

// matches says whether all that a selector asks for holds. NotIn and DoesNotExist hold without the label.
func matches(s *v1alpha1.LabelSelector, labels map[string]string) bool {
	for key, want := range s.MatchLabels {
		if value, ok := labels[key]; !ok || value != string(want) {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		value, ok := labels[e.Key]
		in := ok && slices.Contains(e.Values, v1alpha1.LabelValue(value))
		holds := map[metav1.LabelSelectorOperator]bool{
			metav1.LabelSelectorOpIn: in, metav1.LabelSelectorOpNotIn: !in,
			metav1.LabelSelectorOpExists: ok, metav1.LabelSelectorOpDoesNotExist: !ok,
		}
		if !holds[e.Operator] {
			return false
		}
	}
	return true
}

// dns says what a tier needs to resolve names.
func (r *Reading) dns(choice v1alpha1.DNS) []opening {
	if choice == v1alpha1.DNSNone {
		return nil
	}
	port53 := []v1alpha1.Port{port(53, corev1.ProtocolUDP), port(53, corev1.ProtocolTCP)}
	out := r.dnsServices()
	if len(out) == 0 {
		out = append(out, opening{podsOf("kube-system", map[string]string{"k8s-app": "kube-dns"}), port53})
	}
	out = append(out, opening{addresses(r.Options.NodeLocalDNS...), port53})
	if choice == v1alpha1.DNSAny {
		out = append(out, opening{who{everyone: true}, port53})
	}
	return out
}

// dnsServices says what is behind the cluster's DNS Services, as far as that is known: pods at the target ports, and the
// Service's addresses, for DNS is asked on port 53 there. First those that a flag names, else those of the usual names.
func (r *Reading) dnsServices() []opening {
	found := func(isDNS func(corev1.Service) bool) []opening {
		var out []opening
		for _, s := range r.Facts.Services {
			if isDNS(s) {
				out = append(out, behindDNS(s)...)
			}
		}
		return out
	}
	named := func(namespace, name string) func(corev1.Service) bool {
		return func(s corev1.Service) bool { return s.Namespace == namespace && s.Name == name }
	}
	if len(r.Options.DNSServices) > 0 {
		var out []opening
		for _, told := range r.Options.DNSServices {
			out = append(out, found(named(told.Namespace, told.Name))...)
		}
		return out
	}
	labelled := func(s corev1.Service) bool { return s.Namespace == "kube-system" && s.Labels["k8s-app"] == "kube-dns" }
	for _, usual := range []func(corev1.Service) bool{named("kube-system", "kube-dns"), labelled, named("openshift-dns", "dns-default")} {
		if slices.ContainsFunc(r.Facts.Services, usual) {
			return found(usual)
		}
	}
	return nil
}

func behindDNS(s corev1.Service) []opening {
	var atPods, atService []v1alpha1.Port
	for i, p := range s.Spec.Ports {
		if p.Port == 53 {
			atPods = append(atPods, targetPorts(s)[i])
			atService = append(atService, port(53, p.Protocol))
		}
	}
	var out []opening
	if len(s.Spec.Selector) > 0 {
		out = append(out, opening{podsOf(s.Namespace, s.Spec.Selector), atPods})
	}
	if vips := clusterIPs(s); len(vips) > 0 {
		out = append(out, opening{addresses(vips...), atService})
	}
	return out
}
