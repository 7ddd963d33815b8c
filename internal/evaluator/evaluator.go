package evaluator

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// World is everything that decides about connections, in any order.
type World struct {
	// Namespaces are at least those of the pods and policies.
	Namespaces []snapshot.Namespace
	Pods       []snapshot.Pod
	Policies   []*networkingv1.NetworkPolicy
}

// Evaluator answers questions about a World, which must not change meanwhile. It is safe for concurrent use.
type Evaluator struct {
	namespaces map[string]*Namespace
	pods       []snapshot.Pod
}

// New reads a World. An error names what cannot be read, or the namespace that is missing: then nothing can be said of any
// connection, since each policy may decide about it.
func New(w World) (*Evaluator, error) {
	policies := map[string][]*networkingv1.NetworkPolicy{}
	for _, p := range w.Policies {
		policies[p.Namespace] = append(policies[p.Namespace], p)
	}
	e := &Evaluator{namespaces: map[string]*Namespace{}, pods: w.Pods}
	for _, ns := range w.Namespaces {
		read, err := Read(ns, policies[ns.Name])
		if err != nil {
			return nil, err
		}
		e.namespaces[ns.Name] = read
	}
	for name, list := range policies {
		if e.namespaces[name] == nil {
			return nil, fmt.Errorf("read NetworkPolicy %s/%s: there is no namespace %s", name, list[0].Name, name)
		}
	}
	for i := range w.Pods {
		if p := &w.Pods[i]; e.namespaces[p.Namespace] == nil {
			return nil, fmt.Errorf("read pod %s/%s: there is no namespace %s", p.Namespace, p.Name, p.Namespace)
		}
	}
	return e, nil
}

// Endpoint is an end of a connection: a pod, or an address outside the cluster.
type Endpoint struct {
	// Pod is in a namespace of the World, and need not be one of its pods.
	Pod *snapshot.Pod
	// Address is looked at when there is no pod. It is taken for one that is no pod's and no node's.
	Address netip.Addr
}

// OfPod returns the pod as an end of a connection.
func OfPod(pod *snapshot.Pod) Endpoint { return Endpoint{Pod: pod} }

// OfAddress returns the address as an end of a connection.
func OfAddress(addr netip.Addr) Endpoint { return Endpoint{Address: addr} }

// Connection is one that somebody tries to open. Port is the destination pod's, not a Service's.
type Connection struct {
	Source, Destination Endpoint
	Protocol            corev1.Protocol
	Port                int32
}

// Verdict is what is decided about a connection, or at one end of it.
type Verdict string

const (
	// Allowed means: this end is isolated, and a rule admits the connection. Of a whole connection: both ends let it pass.
	Allowed Verdict = "Allowed"
	// Denied means: this end is isolated, and no rule admits the connection. Of a whole connection: one end denies it.
	Denied Verdict = "Denied"
	// NotIsolated means: no policy restricts this end, so it lets everything pass.
	NotIsolated Verdict = "NotIsolated"
	// Undecidable means: it depends on the network plugin.
	Undecidable Verdict = "Undecidable"
)

// Decision is the verdict at one end.
type Decision struct {
	Verdict Verdict
	// Isolating are the names of the policies that isolate this end, sorted. They are in the namespace of its pod.
	Isolating []string
	// Admitting are the rules that admit the connection or, when that is undecidable, those that may. By policy and index.
	Admitting []Rule
	// Reason is why no policy decides, or why it is undecidable; empty when rules tell enough.
	Reason string
}

// Rule names a rule of a policy, and the peer of it that fits.
type Rule struct {
	Policy string
	// Index is that among the policy's rules of the direction.
	Index int
	// Peer is the index of the peer in the rule's from or to; -1 when the rule lists none, so that it speaks of everyone.
	Peer int
}

// Answer is what is decided at both ends.
type Answer struct {
	// Egress is the decision at the source, Ingress at the destination.
	Egress, Ingress Decision
}

// Verdict returns that of the whole connection: Allowed, Denied or Undecidable. Both ends must let it pass.
func (a Answer) Verdict() Verdict {
	switch {
	case a.Egress.Verdict == Denied || a.Ingress.Verdict == Denied:
		return Denied
	case a.Egress.Verdict == Undecidable || a.Ingress.Verdict == Undecidable:
		return Undecidable
	}
	return Allowed
}

// Evaluate decides about a connection. Pods in a namespace that the World does not have are refused by all.
func (e *Evaluator) Evaluate(c Connection) Answer {
	return Answer{
		Egress:  e.decide(networkpolicy.Egress, c.Source, c.Destination, c),
		Ingress: e.decide(networkpolicy.Ingress, c.Destination, c.Source, c),
	}
}

// decide returns the decision at one end of a connection.
func (e *Evaluator) decide(direction networkpolicy.Direction, end, other Endpoint, c Connection) Decision {
	for _, p := range []*snapshot.Pod{end.Pod, other.Pod} {
		switch {
		case p == nil:
		case p.Completed:
			return Decision{Verdict: Denied, Reason: "pod " + podName(p) + " has completed and has no network"}
		case e.namespaces[p.Namespace] == nil:
			return Decision{Verdict: Denied, Reason: "there is no namespace " + p.Namespace}
		}
	}
	switch {
	case end.Pod == nil:
		return Decision{Verdict: NotIsolated, Reason: "an address outside the cluster has no NetworkPolicies"}
	case isItself(end.Pod, other.Pod):
		return Decision{Verdict: NotIsolated, Reason: "a pod can always reach itself"}
	case end.Pod.HostNetwork:
		return Decision{Verdict: NotIsolated, Reason: "pod " + podName(end.Pod) + " is on the host network, which NetworkPolicies do not govern"}
	}
	from := Other{Pod: other.Pod, Address: other.Address}
	if other.Pod != nil {
		from.Namespace = e.namespaces[other.Pod.Namespace]
	}
	return e.namespaces[end.Pod.Namespace].decide(direction, end.Pod, from, c)
}

func (n *Namespace) decide(direction networkpolicy.Direction, pod *snapshot.Pod, other Other, c Connection) Decision {
	var out Decision
	var sure, maybe []Rule
	for _, i := range selectedBy(n, direction, pod) {
		p := &n.policies[i]
		out.Isolating = append(out.Isolating, p.name)
		for j := range p.side(direction).rules {
			r := &p.side(direction).rules[j]
			if !r.ports.of(destinationOf(direction, pod, other)).Contains(c.Protocol, c.Port) {
				continue
			}
			switch f, by := n.fit(r, other); f {
			case matches:
				sure = append(sure, Rule{p.name, j, by})
			case mayMatch:
				maybe = append(maybe, Rule{p.name, j, by})
			case matchesNot:
			}
		}
	}
	switch {
	case len(out.Isolating) == 0:
		out.Verdict, out.Reason = NotIsolated, fmt.Sprintf("no NetworkPolicy isolates the %s of pod %s", direction, podName(pod))
	case len(sure) > 0:
		out.Verdict, out.Admitting = Allowed, sure
	case len(maybe) > 0:
		out.Verdict, out.Admitting = Undecidable, maybe
		out.Reason = fmt.Sprintf("NetworkPolicy %s/%s names addresses that are, or may be, those of pod %s, and whether that means pods depends on the network plugin",
			n.name, maybe[0].Policy, podName(other.Pod))
	default:
		out.Verdict = Denied
	}
	return out
}

// podName returns "shop/web-1", or "shop/(app=web)" for a pod without a name.
func podName(p *snapshot.Pod) string {
	if p.Name != "" {
		return p.Namespace + "/" + p.Name
	}
	return p.Namespace + "/(" + strings.ReplaceAll(labels.Set(p.Labels).String(), ",", ", ") + ")"
}
