package starter

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/flowlog"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// enforced returns the policies of a proposal, as if it were enforced.
func (s *scene) enforced(t *testing.T, p *Proposal) []*networkingv1.NetworkPolicy {
	t.Helper()
	profile := snapshot.FromSegmentationProfile(p.Profile)
	profile.Mode = v1alpha1.ModeEnforce
	cluster := *s.cluster
	cluster.Profiles = []snapshot.Profile{profile}
	ns, _ := cluster.Namespace("shop")
	out := compiler.Compile(cluster.In(ns))[0]
	if out.Disposition != compiler.Enforce {
		t.Fatalf("it cannot be enforced: %s", out.Disposition)
	}
	var policies []*networkingv1.NetworkPolicy
	for i := range out.Policies {
		policies = append(policies, &out.Policies[i])
	}
	return policies
}

// same says whether one end of a connection stands for another: for pods, they have the same labels but for their version.
func same(a, b evaluator.Endpoint) bool {
	if a.Pod == nil || b.Pod == nil {
		return a.Pod == b.Pod && a.Address == b.Address
	}
	plain := func(labels map[string]string) map[string]string {
		out := maps.Clone(labels)
		delete(out, "version")
		return out
	}
	return a.Pod.Namespace == b.Pod.Namespace && maps.Equal(plain(a.Pod.Labels), plain(b.Pod.Labels))
}

// meant returns who an end of a record is; nil for who is not governed by policies.
func (s *scene) meant(e flowlog.End) *evaluator.Endpoint {
	for _, pod := range slices.Concat(s.cluster.Pods, s.ghosts) {
		isIt := (pod.Name == e.Pod && pod.Name != "") || (pod.Name == "" && e.Labels != nil && maps.Equal(pod.Labels, e.Labels))
		if (e.Pod != "" && pod.Namespace == e.Namespace && isIt) || slices.Contains(pod.Addresses, e.Address) {
			if pod.HostNetwork {
				return nil
			}
			return &evaluator.Endpoint{Pod: &pod}
		}
	}
	if e.Address.IsValid() && !slices.Contains(nodes, e.Address.String()) {
		return &evaluator.Endpoint{Address: e.Address}
	}
	return nil
}

// wasSeen says whether a record tells of such a connection, which was not dropped.
func (s *scene) wasSeen(c evaluator.Connection) bool {
	for _, f := range s.log.Flows {
		from := s.meant(f.Source)
		if f.Outcome == flowlog.Denied || f.Protocol != c.Protocol || from == nil || !same(*from, c.Source) {
			continue
		}
		to := s.meant(f.Destination)
		if to != nil && same(*to, c.Destination) && f.Port == c.Port {
			return true
		}
		if isAPIServer(f.Destination.Address, f.Port) && isAPIServer(c.Destination.Address, c.Port) {
			return true
		}
		if s.leadsByService(f, c) {
			return true
		}
	}
	return false
}

// isAPIServer says whether the API server is at an address and port.
func isAPIServer(addr netip.Addr, port int32) bool {
	return addr.IsValid() && (addr.String() == apiServer[0] && port == 443 || addr.String() == apiServer[1] && port == 6443)
}

// leadsByService says whether a record tells of a connection to a Service that leads to such a destination.
func (s *scene) leadsByService(f flowlog.Flow, c evaluator.Connection) bool {
	for i := range s.cluster.Facts.Services {
		of := &s.cluster.Facts.Services[i]
		if c.Destination.Pod == nil || addressesOf(of)[0] != f.Destination.Address || of.Spec.Ports[0].Port != f.Port || len(of.Spec.Selector) == 0 {
			continue
		}
		behind := slices.ContainsFunc(s.cluster.Pods, func(pod snapshot.Pod) bool {
			return pod.Namespace == of.Namespace && hasAll(pod.Labels, of.Spec.Selector) && same(evaluator.OfPod(&pod), c.Destination)
		})
		if behind && targetOn(of.Spec.Ports[0], c.Destination.Pod) == c.Port {
			return true
		}
	}
	return false
}

// targetOn returns the number of a Service's target port on a pod; 0 when it has none.
func targetOn(port corev1.ServicePort, pod *snapshot.Pod) int32 {
	if port.TargetPort.Type == intstr.Int {
		if port.TargetPort.IntVal == 0 {
			return port.Port
		}
		return port.TargetPort.IntVal
	}
	for _, declared := range pod.Ports {
		if declared.Name == port.TargetPort.StrVal {
			return declared.Port
		}
	}
	return 0
}

// everybody returns those who may be at the other end.
func (s *scene) everybody() []evaluator.Endpoint {
	var out []evaluator.Endpoint
	for _, pod := range slices.Concat(s.cluster.Pods, s.told()) {
		if !pod.HostNetwork {
			out = append(out, evaluator.Endpoint{Pod: &pod})
		}
	}
	for _, addr := range slices.Concat(outside, nodes, apiServer, []string{"203.0.113.4", "203.0.113.0", "8.8.8.8", "10.0.0.1", "10.96.1.0"}) {
		out = append(out, evaluator.OfAddress(netip.MustParseAddr(addr)))
	}
	return out
}

// told returns the ghosts that records tell of, and the one that has some of the labels of another.
func (s *scene) told() []snapshot.Pod {
	var out []snapshot.Pod
	for _, i := range []int{0, 2} {
		if slices.ContainsFunc(s.log.Flows, func(f flowlog.Flow) bool {
			return maps.Equal(f.Source.Labels, s.ghosts[i].Labels) || maps.Equal(f.Destination.Labels, s.ghosts[i].Labels)
		}) {
			out = append(out, s.ghosts[i:i+2-i/2]...)
		}
	}
	return out
}

// isDNS says whether dns: Cluster allows it.
func isDNS(c evaluator.Connection) bool {
	return c.Destination.Pod != nil && c.Destination.Pod.Namespace == "kube-system" && c.Protocol == corev1.ProtocolUDP && c.Port == 5353
}

func name(e evaluator.Endpoint) string {
	if e.Pod == nil {
		return e.Address.String()
	}
	return fmt.Sprintf("%s/%s %v", e.Pod.Namespace, e.Pod.Name, e.Pod.Labels)
}

func TestAProposedProfileAllowsNothingThatWasNotSeen(t *testing.T) {
	rounds := uint64(1000)
	if testing.Short() {
		rounds = 200
	}
	allowed := 0
	for seed := range rounds {
		s := drawScene(seed)
		proposal, err := Propose(Input{Namespace: "shop", Name: "shop", Cluster: s.cluster, Observed: s.log})
		if err != nil {
			continue
		}
		e, err := evaluator.New(evaluator.World{Namespaces: s.cluster.Namespaces, Pods: s.cluster.Pods, Policies: s.enforced(t, proposal)})
		if err != nil {
			t.Fatal(err)
		}
		for _, own := range s.everybody() {
			if own.Pod == nil || own.Pod.Namespace != "shop" {
				continue
			}
			for _, other := range s.everybody() {
				if own.Pod != nil && other.Pod != nil && own.Pod.Namespace == other.Pod.Namespace && own.Pod.Name == other.Pod.Name {
					// A pod reaches itself, whatever policies say.
					continue
				}
				for _, port := range []int32{53, 80, 443, 5353, 6443, 8080, 9090} {
					for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP} {
						out := evaluator.Connection{Source: own, Destination: other, Protocol: protocol, Port: port}
						in := evaluator.Connection{Source: other, Destination: own, Protocol: protocol, Port: port}
						for _, c := range []struct {
							evaluator.Connection
							evaluator.Decision
						}{{out, e.Evaluate(out).Egress}, {in, e.Evaluate(in).Ingress}} {
							if c.Verdict == evaluator.Denied || isDNS(c.Connection) {
								continue
							}
							allowed++
							if !s.wasSeen(c.Connection) {
								text, _ := yaml.Marshal(proposal.Profile.Spec)
								t.Fatalf("seed %d: %s → %s %s %d is %s (%s), and nobody saw it; flows %+v of\n%s", seed, name(c.Source), name(c.Destination), protocol, port, c.Verdict, c.Reason, s.log.Flows, text)
							}
						}
					}
				}
			}
		}
	}
	if allowed < int(rounds) {
		t.Errorf("only %d connections are allowed: this proves little", allowed)
	}
}

func TestWhatWasSeenBetweenTiersIsAllowed(t *testing.T) {
	checked := 0
	for seed := range uint64(1000) {
		s := drawScene(seed)
		for i := range s.log.Flows {
			s.log.Flows[i].Outcome = flowlog.Passed
		}
		proposal, err := Propose(Input{Namespace: "shop", Name: "shop", Cluster: s.cluster, Observed: s.log})
		if err != nil {
			continue
		}
		e, err := evaluator.New(evaluator.World{Namespaces: s.cluster.Namespaces, Pods: s.cluster.Pods, Policies: s.enforced(t, proposal)})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range s.log.Flows {
			from, to := s.meant(f.Source), s.meant(f.Destination)
			if !inTier(proposal, from) || !inTier(proposal, to) {
				continue
			}
			checked++
			if answer := e.Evaluate(evaluator.Connection{Source: *from, Destination: *to, Protocol: f.Protocol, Port: f.Port}); answer.Verdict() != evaluator.Allowed {
				text, _ := yaml.Marshal(proposal.Profile.Spec)
				t.Fatalf("seed %d: %+v was seen, and it is %s by\n%s", seed, f, answer.Verdict(), text)
			}
		}
	}
	if checked < 300 {
		t.Errorf("only %d connections were looked at", checked)
	}
}

// inTier says whether an end is a pod of the namespace that a tier selects.
func inTier(p *Proposal, end *evaluator.Endpoint) bool {
	return end != nil && end.Pod != nil && end.Pod.Namespace == "shop" && len(tiersChoosing(p, end.Pod)) > 0
}

func tiersChoosing(p *Proposal, pod *snapshot.Pod) []string {
	var out []string
	for _, tier := range p.Profile.Spec.Tiers {
		if matches, err := selector.MatchesAPI(tier.PodSelector, pod.Labels); err == nil && matches {
			out = append(out, tier.Name)
		}
	}
	return out
}

func TestATierChoosesThePodsOfItsWorkloadsAndNoOthers(t *testing.T) {
	for seed := range uint64(500) {
		s := drawScene(seed)
		proposal, err := Propose(Input{Namespace: "shop", Name: "shop", Cluster: s.cluster})
		if err != nil {
			continue
		}
		with := Input{Namespace: "shop", Name: "shop", Cluster: s.cluster, Observed: s.log}
		first, err := Propose(with)
		again, err2 := Propose(with)
		if err != nil || err2 != nil || !reflect.DeepEqual(first, again) {
			t.Fatalf("seed %d: the same is proposed otherwise: %v %v\n%+v\n%+v", seed, err, err2, first, again)
		}
		chosen := map[string]*snapshot.Pod{}
		for _, pod := range s.cluster.Pods {
			if pod.Namespace != "shop" || pod.HostNetwork {
				continue
			}
			tiers := tiersChoosing(proposal, &pod)
			if len(tiers) > 1 {
				t.Fatalf("seed %d: pod %s is in tiers %v", seed, pod.Name, tiers)
			}
			for _, tier := range tiers {
				if first := chosen[tier]; first != nil && !same(evaluator.OfPod(first), evaluator.OfPod(&pod)) {
					t.Fatalf("seed %d: tier %s has pods of labels %v and %v", seed, tier, first.Labels, pod.Labels)
				}
				chosen[tier] = &pod
			}
		}
		if len(proposal.Profile.Spec.Allow) > 0 || len(chosen) != len(proposal.Profile.Spec.Tiers) {
			t.Fatalf("seed %d: %d entries, and pods in %d of %d tiers", seed, len(proposal.Profile.Spec.Allow), len(chosen), len(proposal.Profile.Spec.Tiers))
		}
	}
}
