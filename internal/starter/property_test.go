package starter

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/flowlog"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// scene is a small cluster, drawn at random, and what was observed in it.
type scene struct {
	*rand.Rand
	cluster *snapshot.Cluster
	log     *flowlog.Log
	// ghosts are pods that only records tell of.
	ghosts []snapshot.Pod
}

func (s *scene) one(of ...string) string { return of[s.IntN(len(of))] }

func (s *scene) port() int32 { return []int32{53, 80, 443, 6443, 8080, 9090}[s.IntN(6)] }

func (s *scene) protocol() corev1.Protocol {
	return []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP}[s.IntN(3)]
}

// labels draws from so few that pods are often alike, or have some of others' labels.
func (s *scene) labels() map[string]string {
	out := map[string]string{}
	for _, label := range [][]string{
		{"app", "a", "b", "c", ""}, {"app.kubernetes.io/component", "x", "y", "", ""}, {"team", "t", "", ""}, {"version", "1", "2", ""},
	} {
		if value := s.one(label[1:]...); value != "" {
			out[label[0]] = value
		}
	}
	return out
}

var (
	outside = []string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "198.51.100.9", "10.200.0.1", "2001:db8::1"}
	nodes   = []string{"192.168.0.1", "192.168.0.2"}
	// apiServer are the addresses of the API server: its Service's and its own.
	apiServer = []string{"10.96.0.1", "192.168.7.7"}
)

func drawScene(seed uint64) *scene {
	s := &scene{Rand: rand.New(rand.NewPCG(seed, 1)), log: &flowlog.Log{}}
	s.cluster = &snapshot.Cluster{Options: snapshot.DefaultOptions("firebreak-system"), Facts: snapshot.Facts{Services: []corev1.Service{
		service("kube-system", "kube-dns", "10.96.0.10", map[string]string{"k8s-app": "kube-dns"}, 53, intstr.FromInt32(5353), corev1.ProtocolUDP),
		service("default", "kubernetes", "10.96.0.1", nil, 443, intstr.FromInt32(6443), corev1.ProtocolTCP),
	}}}
	apiPort := int32(6443)
	s.cluster.Facts.EndpointSlices = []discoveryv1.EndpointSlice{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
		Endpoints:  []discoveryv1.Endpoint{{Addresses: apiServer[1:]}}, Ports: []discoveryv1.EndpointPort{{Port: &apiPort}},
	}}
	for i, addr := range nodes {
		s.cluster.Facts.Nodes = append(s.cluster.Facts.Nodes, snapshot.Node{Name: fmt.Sprint("node-", i), Addresses: []netip.Addr{netip.MustParseAddr(addr)}})
	}
	for _, namespace := range []string{"shop", "other", "kube-system"} {
		s.cluster.Namespaces = append(s.cluster.Namespaces, snapshot.Namespace{Name: namespace, Labels: map[string]string{selector.NamespaceNameLabel: namespace}})
	}
	for i := range 2 + s.IntN(4) {
		s.addWorkload("shop", i)
	}
	for i := range s.IntN(4) {
		s.addWorkload("other", i)
	}
	dns := snapshot.Pod{Namespace: "kube-system", Name: "dns", Labels: map[string]string{"k8s-app": "kube-dns"}, Addresses: []netip.Addr{netip.MustParseAddr("10.1.9.9")}}
	s.cluster.Pods = append(s.cluster.Pods, dns)
	for i := range s.IntN(4) {
		labels := s.labels()
		delete(labels, "version")
		s.cluster.Facts.Services = append(s.cluster.Facts.Services, service(s.one("shop", "other"), fmt.Sprint("service-", i), fmt.Sprint("10.96.1.", i),
			labels, 80, []intstr.IntOrString{intstr.FromString("http"), intstr.FromInt32(8080), intstr.FromInt32(0)}[s.IntN(3)], corev1.ProtocolTCP))
	}
	s.ghosts = []snapshot.Pod{
		{Namespace: "other", Labels: map[string]string{"app": "ghost", "team": "t"}}, {Namespace: "other", Labels: map[string]string{"app": "ghost"}},
		{Namespace: "nowhere", Labels: map[string]string{"app": "a"}},
	}
	for i := range s.ghosts {
		s.ghosts[i].Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 1, 3, byte(i)})}
	}
	s.cluster.Namespaces = append(s.cluster.Namespaces, snapshot.Namespace{Name: "nowhere", Labels: map[string]string{selector.NamespaceNameLabel: "nowhere"}})
	for range s.IntN(12) {
		s.log.Flows = append(s.log.Flows, flowlog.Flow{
			Source: s.end(), Destination: s.end(), Port: s.port(), Protocol: s.protocol(), Times: 1,
			Outcome: []flowlog.Outcome{flowlog.Passed, flowlog.Passed, flowlog.Left, flowlog.Denied}[s.IntN(4)],
		})
	}
	return s
}

func service(namespace, name, addr string, selects map[string]string, port int32, target intstr.IntOrString, protocol corev1.Protocol) corev1.Service {
	return corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{ClusterIP: addr, Selector: selects, Ports: []corev1.ServicePort{{Port: port, TargetPort: target, Protocol: protocol}}},
	}
}

func (s *scene) addWorkload(namespace string, i int) {
	labels := s.labels()
	ports := []snapshot.ContainerPort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: []int32{80, 8080}[s.IntN(2)]}}
	onHost := s.IntN(12) == 0
	for n := range 1 + s.IntN(2) {
		pod := snapshot.Pod{
			Namespace: namespace, Name: fmt.Sprintf("w%d-%d", i, n), Labels: labels, HostNetwork: onHost, Ports: ports[:s.IntN(2)],
			Workload: snapshot.Workload{Kind: "StatefulSet", Name: fmt.Sprint("w", i)}, Count: 1,
		}
		if !onHost {
			pod.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 1, map[string]byte{"shop": 1, "other": 2}[namespace], byte(16*i + n)})}
		}
		s.cluster.Pods = append(s.cluster.Pods, pod)
	}
}

// end draws an end as records tell of it.
func (s *scene) end() flowlog.End {
	pod := s.cluster.Pods[s.IntN(len(s.cluster.Pods))]
	switch s.IntN(10) {
	case 0, 1, 2, 3, 4:
		return flowlog.End{Namespace: pod.Namespace, Pod: pod.Name}
	case 5:
		if len(pod.Addresses) > 0 {
			return flowlog.End{Address: pod.Addresses[0]}
		}
		return flowlog.End{Role: flowlog.RoleNetwork}
	case 6:
		return flowlog.End{Address: netip.MustParseAddr(s.one(nodes...))}
	case 7:
		// The one in between was not seen, and has fewer labels.
		ghost := s.ghosts[2*s.IntN(2)]
		return flowlog.End{Namespace: ghost.Namespace, Pod: "ghost", Labels: ghost.Labels}
	case 8:
		return flowlog.End{Address: addressesOf(&s.cluster.Facts.Services[s.IntN(len(s.cluster.Facts.Services))])[0]}
	}
	return flowlog.End{Address: netip.MustParseAddr(s.one(append(outside, apiServer...)...))}
}

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
