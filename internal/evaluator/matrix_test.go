package evaluator

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
)

// specs are parts of policies of which random worlds are made.
func specs() []string {
	var out []string
	for _, pods := range []string{"{}", "{matchLabels: {app: web}}", "{matchExpressions: [{key: app, operator: NotIn, values: [web]}]}"} {
		for _, rules := range []string{
			"policyTypes: [Ingress, Egress]", "ingress: [{}]", "egress: [{}]", "policyTypes: [Egress]",
			"ingress: [{from: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 80}]}]",
			"ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}], ports: [{port: http}]}]",
			"ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: api}}}]}]",
			"ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.1.0/24]}}, {ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 80, endPort: 90}]}]",
			"egress: [{to: [{podSelector: {}}, {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}}], ports: [{port: http}, {port: 53, protocol: UDP}]}]",
			"egress: [{to: [{ipBlock: {cidr: 192.168.0.0/16}}, {ipBlock: {cidr: '::/0'}}]}]",
			"egress: [{to: [{namespaceSelector: {matchExpressions: [{key: team, operator: Exists}]}}], ports: [{port: 9090}]}]",
		} {
			out = append(out, "{podSelector: "+pods+", "+rules+"}")
		}
	}
	return out
}

// TestTheMatrixSaysWhatEachPairOfPodsDoes compares, for random worlds, each pair of pods with the pair of their classes, and
// with what Flows yields.
func TestTheMatrixSaysWhatEachPairOfPodsDoes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	all := specs()
	classes, undecidable := 0, 0
	for range 400 {
		var chosen []string
		for range random.IntN(6) {
			chosen = append(chosen, all[random.IntN(len(all))])
		}
		w := world(t, chosen...)
		for i := range w.Policies {
			w.Policies[i].Name = fmt.Sprint("p", i)
			w.Policies[i].Namespace = []string{"shop", "data"}[random.IntN(2)]
		}
		// Two that nothing tells apart but what no policy names.
		twin := w.Pods[0]
		twin.Name, twin.Labels = "web-2", map[string]string{"app": "web", "pod-template-hash": "5d4f"}
		w.Pods = append(w.Pods, twin)
		e, err := New(w)
		if err != nil {
			t.Fatal(err)
		}
		m := e.Matrix()
		classes += len(m.Classes())
		undecidable += compareWithPairs(t, w, e, m)
		compareWithFlows(t, m)
	}
	t.Logf("%d classes, %d undecidable connections", classes, undecidable)
	if undecidable == 0 {
		t.Error("nothing was undecidable: this proves little")
	}
}

func compareWithPairs(t *testing.T, w World, e *Evaluator, m *Matrix) (undecidable int) {
	t.Helper()
	classOf := map[int]int{}
	for i, c := range m.Classes() {
		for _, member := range c.Members {
			classOf[member] = i
		}
	}
	for i := range w.Pods {
		for j := range w.Pods {
			if i == j || w.Pods[i].Completed || w.Pods[j].Completed {
				continue
			}
			between := m.Between(classOf[i], classOf[j])
			for _, protocol := range portset.Protocols() {
				for _, port := range []int32{1, 53, 79, 80, 81, 90, 91, 8080, 9090} {
					want := e.Evaluate(Connection{OfPod(&w.Pods[i]), OfPod(&w.Pods[j]), protocol, port}).Verdict()
					got := Denied
					switch {
					case between.Allowed.Contains(protocol, port):
						got = Allowed
					case between.Undecidable.Contains(protocol, port):
						got = Undecidable
						undecidable++
					}
					if got != want {
						t.Fatalf("%s to %s on %s/%d is %s in the matrix, and should be %s", podName(&w.Pods[i]), podName(&w.Pods[j]), protocol, port, got, want)
					}
				}
			}
		}
	}
	return undecidable
}

func compareWithFlows(t *testing.T, m *Matrix) {
	t.Helper()
	flowing := map[[2]int]Ports{}
	for flow := range m.Flows() {
		if flow.isEmpty() {
			t.Fatalf("a flow of nothing: %+v", flow)
		}
		for _, s := range flow.Sources {
			for _, d := range flow.Destinations {
				p := flowing[[2]int{s, d}]
				p.Allowed = p.Allowed.Union(flow.Allowed)
				p.Undecidable = p.Undecidable.Union(flow.Undecidable)
				flowing[[2]int{s, d}] = p
			}
		}
	}
	for s := range m.Classes() {
		for d := range m.Classes() {
			got, want := flowing[[2]int{s, d}], m.Between(s, d)
			if !got.Allowed.Equal(want.Allowed) || !got.Undecidable.Minus(got.Allowed).Equal(want.Undecidable) {
				t.Fatalf("flows from %d to %d: %+v, want %+v", s, d, got, want)
			}
		}
	}
}

func TestPodsThatNoPolicyTellsApartAreOneClass(t *testing.T) {
	w := world(t, "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/31}}]}]}")
	w.Pods = nil
	for i := range 4 {
		w.Pods = append(w.Pods, snapshot.Pod{
			Namespace: "shop", Name: fmt.Sprint("web-", i), Labels: map[string]string{"app": "web", "pod-template-hash": fmt.Sprint(i)},
			Ports: []snapshot.ContainerPort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: int32(8000 + i)}}, Count: 1 + i,
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})},
		})
	}
	e, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	var members [][]int
	for _, c := range e.Matrix().Classes() {
		members = append(members, c.Members)
		if len(c.Pod.Labels) != 1 || len(c.Pod.Ports) != 0 {
			t.Errorf("a class knows %+v", c.Pod)
		}
	}
	// The two addresses that the block holds, and the two that it does not.
	if want := [][]int{{2, 3}, {0, 1}}; !reflect.DeepEqual(members, want) {
		t.Errorf("classes %v, want %v", members, want)
	}
}

// clusterOf returns a cluster of the size that people have: applications of three tiers, each with policies of its own, an
// admission for monitoring, and pods of Deployments with their hash.
func clusterOf(namespaces, podsOfEach int) World {
	var w World
	port := func(n int) []networkingv1.NetworkPolicyPort {
		return []networkingv1.NetworkPolicyPort{{Port: new(intstr.FromInt(n))}}
	}
	pods := func(app string) metav1.LabelSelector {
		return metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	}
	tiers := []string{"web", "api", "db"}
	for i := range namespaces {
		name := fmt.Sprint("team-", i)
		w.Namespaces = append(w.Namespaces, snapshot.Namespace{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name, "team": fmt.Sprint(i % 50)}})
		for j := range podsOfEach {
			w.Pods = append(w.Pods, snapshot.Pod{
				Namespace: name, Name: fmt.Sprint("pod-", j), Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), byte(j)})},
				Labels: map[string]string{"app": tiers[j%3], "pod-template-hash": fmt.Sprint("h", i, j), "version": fmt.Sprint("v", j)},
				Ports:  []snapshot.ContainerPort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: 8080}},
			})
		}
		for j, tier := range tiers {
			p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: tier, Namespace: name}}
			p.Spec.PodSelector = pods(tier)
			p.Spec.PolicyTypes = []networkingv1.PolicyType{"Ingress", "Egress"}
			before, after := pods(tiers[max(0, j-1)]), pods(tiers[min(2, j+1)])
			p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{
				{From: []networkingv1.NetworkPolicyPeer{{PodSelector: &before}}, Ports: port(8080)},
				{From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "7"}}}}, Ports: port(9090)},
			}
			p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{
				{To: []networkingv1.NetworkPolicyPeer{{PodSelector: &after}}, Ports: port(8080)},
				{To: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "team-0"}}}}, Ports: port(53)},
				{To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"10.0.0.0/8"}}}}, Ports: port(443)},
			}
			w.Policies = append(w.Policies, p)
		}
		w.Policies = append(w.Policies, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "deny", Namespace: name}, Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{"Ingress", "Egress"},
		}})
	}
	return w
}

func BenchmarkMatrix(b *testing.B) {
	for _, size := range []struct{ namespaces, pods int }{{50, 20}, {500, 20}, {5000, 20}} {
		w := clusterOf(size.namespaces, size.pods)
		b.Run(fmt.Sprintf("%dpods", len(w.Pods)), func(b *testing.B) {
			b.ReportAllocs()
			classes, flows := 0, 0
			for b.Loop() {
				e, err := New(w)
				if err != nil {
					b.Fatal(err)
				}
				m := e.Matrix()
				classes, flows = len(m.Classes()), 0
				for range m.Flows() {
					flows++
				}
			}
			b.ReportMetric(float64(classes), "classes")
			b.ReportMetric(float64(flows), "flows")
		})
	}
}

// TestTheMatrixIsComputedByClass would take hours by pairs of pods.
func TestTheMatrixIsComputedByClass(t *testing.T) {
	w := clusterOf(1000, 20)
	e, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	m := e.Matrix()
	flows := 0
	for range m.Flows() {
		flows++
	}
	t.Logf("%d pods, %d policies: %d classes, %d flows ", len(w.Pods), len(w.Policies), len(m.Classes()), flows)
	if len(m.Classes()) != 3*1000 || flows > 100*len(m.Classes()) {
		t.Errorf("%d classes, %d flows", len(m.Classes()), flows)
	}
}
