package explanation

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
)

// maxNamed is how many ranges a note names.
const maxNamed = 3

// lookOutside chooses the addresses that stand for the internet: public ones of both families that no rule names specially.
func (x *explainer) lookOutside() {
	for _, e := range []*end{x.source, x.destination} {
		if e.Kind != KindInternet {
			continue
		}
		direction := networkpolicy.Egress
		if e == x.source {
			direction = networkpolicy.Ingress
		}
		special := x.namedSpecially(direction)
		exclude := slices.Concat(special, ipset.SpecialUse(), x.world.Cluster.Facts.ClusterRanges, x.world.Cluster.Options.ClusterCIDRs)
		for _, family := range []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), ipset.GlobalUnicast6()} {
			if rest := ipset.Subtract([]netip.Prefix{family}, exclude); len(rest) > 0 {
				e.addresses = append(e.addresses, rest[0].Addr().Next())
			}
		}
		public := slices.DeleteFunc(special, func(p netip.Prefix) bool { return !ipset.Public(p) })
		if len(public) > 0 {
			e.note("Rules name public addresses that may fare otherwise: %s.", inWords(public))
		}
	}
}

// namedSpecially are the ranges that rules of a direction name or except, but for those that mean a part of the world.
func (x *explainer) namedSpecially(direction networkpolicy.Direction) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range x.scenarios {
		for _, place := range s.places {
			named, excepted := place.Rules.Blocks(direction)
			for _, p := range slices.Concat(named, excepted) {
				wide := 8
				if p.Addr().Is4() {
					wide = 4
				}
				if p.Bits() > wide && !slices.Contains(ipset.SpecialUse(), p) && !slices.Contains(out, p) {
					out = append(out, p)
				}
			}
		}
	}
	slices.SortFunc(out, ipset.Compare)
	return out
}

func inWords(list []netip.Prefix) string {
	var parts []string
	for _, p := range list[:min(maxNamed, len(list))] {
		parts = append(parts, p.String())
	}
	if more := len(list) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("%d more", more))
	}
	return strings.Join(parts, ", ")
}

// lookAtServiceAddress makes undecidable what is denied at a pod behind a Service, but admitted at the Service's own address: the
// API leaves it open which of the two a network plugin sees.
func (x *explainer) lookAtServiceAddress(s *scenario, source *class, port Port, answer *evaluator.Answer) {
	service := x.destination.service
	if service == nil || answer.Egress.Verdict != evaluator.Denied || source.pod == nil {
		return
	}
	for _, addr := range clusterAddresses(service) {
		there := s.evaluator.Evaluate(evaluator.Connection{
			Source: source.endpoint(), Destination: evaluator.OfAddress(addr), Protocol: port.Protocol, Port: port.ServicePort,
		})
		if there.Egress.Verdict == evaluator.Allowed {
			answer.Egress = there.Egress
			answer.Egress.Verdict = evaluator.Undecidable
			answer.Egress.Reason = fmt.Sprintf("a rule names the Service's own address %s and none the pods behind it; which of the two counts depends on the network plugin", addr)
			return
		}
	}
}

// clusterAddresses are the addresses of a Service itself.
func clusterAddresses(s *corev1.Service) []netip.Addr {
	var out []netip.Addr
	for _, text := range append([]string{s.Spec.ClusterIP}, s.Spec.ClusterIPs...) {
		if addr, err := netip.ParseAddr(text); err == nil && !slices.Contains(out, addr) {
			out = append(out, addr)
		}
	}
	return out
}

// pieces splits several ports in a row where they fare differently.
func (x *explainer) pieces(s, d *class, port Port) []Port {
	if port.Last <= port.evaluated {
		return []Port{port}
	}
	pieces := []portset.Set{port.set()}
	for _, scenario := range x.scenarios {
		for _, admission := range x.admissions(scenario, s, d) {
			for _, by := range []portset.Set{admission.Ports, admission.Undecidable} {
				var next []portset.Set
				for _, p := range pieces {
					next = append(next, p.Intersect(by), p.Minus(by))
				}
				pieces = slices.DeleteFunc(next, portset.Set.IsEmpty)
			}
		}
	}
	var out []Port
	for _, p := range pieces {
		for _, r := range p.Ranges() {
			piece := numbered(r.Protocol, r.First)
			if r.Last > r.First {
				piece.Last = r.Last
			}
			out = append(out, piece)
		}
	}
	slices.SortFunc(out, Port.compare)
	return out
}

// admissions are what both ends admit, those that are pods.
func (x *explainer) admissions(sc *scenario, s, d *class) []evaluator.Admission {
	var out []evaluator.Admission
	if s.pod != nil {
		out = append(out, sc.places[s.pod.Namespace].Rules.Admits(networkpolicy.Egress, s.pod, sc.other(d)))
	}
	if d.pod != nil {
		out = append(out, sc.places[d.pod.Namespace].Rules.Admits(networkpolicy.Ingress, d.pod, sc.other(s)))
	}
	return out
}

func (s *scenario) other(c *class) evaluator.Other {
	if c.pod == nil {
		return evaluator.Other{Address: c.address}
	}
	return evaluator.Other{Pod: c.pod, Namespace: s.places[c.pod.Namespace].Rules}
}
