package starter

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/flowlog"
	"firebreak.dev/firebreak/internal/networkpolicy"
)

// link is all that was observed between two parties.
type link struct {
	from, to party
	ports    map[v1alpha1.Port]*tally
	// addresses are those of the end that is named by them; nil for others.
	addresses []netip.Addr
	// known are names of the addresses.
	known names
	// parts are those that were put together; nil when it is one.
	parts []*link
}

// tally is how often connections were seen, by what became of them.
type tally struct{ passed, left, denied int }

// seen returns how often connections were seen that arrived, as far as is known; 0 for those that were dropped. What was let out of its
// source was not let in, where its destination is known to have dropped it and never to have let it in.
func (t tally) seen() int {
	if t.passed == 0 && t.denied > 0 {
		return 0
	}
	return cmp.Or(t.passed, t.left)
}

// links are those between pairs of parties.
type links map[[2]string]*link

// addObserved adds entries for what was seen.
func (p *proposal) addObserved() {
	plain, unclear := links{}, links{}
	asking := names{}
	for _, flow := range p.Input.Observed.Flows {
		from := p.source(flow.Source)
		to, port := p.destination(flow, v1alpha1.Port{Port: intstr.FromInt32(flow.Port), Protocol: flow.Protocol})
		switch why := cmp.Or(from.unclear, to.unclear); {
		case !from.here && !to.here:
			p.passOver("that neither begin nor end in namespace "+p.Namespace, flow.Times)
		case from.unclear == "" && from.here && p.isDNSQuestion(flow, to):
			asking.add(from.name)
			p.passOver("to the cluster's DNS, which dns: Cluster allows", flow.Times)
		case why == "":
			plain.add(from, to, port, flow)
		case flow.Outcome == flowlog.Denied:
			p.passOver("that were dropped", flow.Times)
		default:
			p.passOver(why, flow.Times, unclearName(from, to))
			unclear.add(from, to, port, flow)
		}
	}
	p.guessDNS(asking)
	seen, wider := plain.seen(p), unclear.seen(p)
	p.addEntries(seen)
	p.addOffers(wider)
	p.tellUncalled(slices.Concat(seen, wider))
}

// unclearName returns the name of the end that is not clear.
func unclearName(from, to party) string {
	if from.unclear != "" {
		return cmp.Or(from.shown, from.name)
	}
	return cmp.Or(to.shown, to.name)
}

// isDNSQuestion says whether a connection is one that dns: Cluster allows.
func (p *proposal) isDNSQuestion(f flowlog.Flow, to party) bool {
	if f.Protocol == corev1.ProtocolSCTP {
		return false
	}
	if f.Port == dnsPort && slices.Contains(p.Cluster.Options.NodeLocalDNS, f.Destination.Address) {
		return true
	}
	return to.isDNS && (f.Port == dnsPort || p.isDNSTarget(f, to.group))
}

const dnsPort = 53

// isDNSTarget says whether a Service of the cluster's DNS leads from port 53 to a port of these pods.
func (p *proposal) isDNSTarget(f flowlog.Flow, g *group) bool {
	for _, s := range p.index.dns {
		if g == nil || s.Namespace != g.namespace || !leadsTo(s, g) {
			continue
		}
		for _, of := range s.Spec.Ports {
			target, ok := targetPort(of, g)
			if ok && of.Port == dnsPort && target.Port == intstr.FromInt32(f.Port) && target.Protocol == f.Protocol {
				return true
			}
		}
	}
	return false
}

func (l links) add(from, to party, port v1alpha1.Port, flow flowlog.Flow) {
	key := [2]string{from.key(), to.key()}
	here := l[key]
	if here == nil {
		here = &link{from: from, to: to, ports: map[v1alpha1.Port]*tally{}}
		for _, addr := range []netip.Addr{from.address, to.address} {
			if addr.IsValid() {
				here.addresses = append(here.addresses, addr)
			}
		}
		l[key] = here
	}
	here.from.guess, here.to.guess = cmp.Or(here.from.guess, from.guess), cmp.Or(here.to.guess, to.guess)
	here.known.add(slices.Concat(from.known, to.known)...)
	t := here.ports[port]
	if t == nil {
		t = &tally{}
		here.ports[port] = t
	}
	switch flow.Outcome {
	case flowlog.Passed:
		t.passed += flow.Times
	case flowlog.Left:
		t.left += flow.Times
	case flowlog.Denied:
		t.denied += flow.Times
	}
}

// seen returns the links of which something was seen to arrive, with those ports alone, sorted. What was dropped is passed over.
func (l links) seen(p *proposal) []*link {
	var out []*link
	for _, here := range l {
		maps.DeleteFunc(here.ports, func(port v1alpha1.Port, t *tally) bool {
			if t.denied > 0 {
				p.passOver("that were dropped", t.denied, here.from.name+" → "+here.to.name+" "+portInWords(port))
			}
			return t.seen() == 0
		})
		if len(here.ports) > 0 {
			out = append(out, here)
		}
	}
	slices.SortFunc(out, compareLinks)
	return joined(out)
}

func compareLinks(a, b *link) int {
	return cmp.Or(cmp.Compare(a.from.name, b.from.name), cmp.Compare(a.to.name, b.to.name),
		cmp.Compare(a.from.key(), b.from.key()), cmp.Compare(a.to.key(), b.to.key()))
}

// joined puts links together that differ in an address alone: the other end and the ports are the same, so together they say no more
// than each on its own.
func joined(sorted []*link) []*link {
	found := map[string]*link{}
	var out []*link
	for _, here := range sorted {
		if len(here.addresses) == 0 {
			out = append(out, here)
			continue
		}
		other, isSource := here.to, here.from.address.IsValid()
		if !isSource {
			other = here.from
		}
		key := networkpolicy.Key([]any{isSource, other.key(), here.from.unclear, here.to.unclear, here.sortedPorts()})
		same := found[key]
		if same == nil {
			same = &link{from: here.from, to: here.to, ports: map[v1alpha1.Port]*tally{}}
			found[key] = same
			out = append(out, same)
		}
		same.join(here)
	}
	return out
}

// join adds a link to those that are put together.
func (l *link) join(other *link) {
	l.parts = append(l.parts, other)
	l.addresses = append(l.addresses, other.addresses...)
	l.known.add(slices.Collect(maps.Keys(other.known))...)
	for port, t := range other.ports {
		if l.ports[port] == nil {
			l.ports[port] = &tally{}
		}
		l.ports[port].passed += t.passed
		l.ports[port].left += t.left
		l.ports[port].denied += t.denied
	}
}

// within returns what of a link was seen of the addresses in these ranges.
func (l *link) within(ranges []netip.Prefix) *link {
	out := &link{from: l.from, to: l.to, ports: map[v1alpha1.Port]*tally{}}
	for _, part := range l.parts {
		isIn := func(r netip.Prefix) bool { return r.Contains(part.addresses[0]) }
		if slices.ContainsFunc(ranges, isIn) {
			out.join(part)
		}
	}
	return out
}

func (l *link) sortedPorts() []v1alpha1.Port { return tidy(slices.Collect(maps.Keys(l.ports))) }
