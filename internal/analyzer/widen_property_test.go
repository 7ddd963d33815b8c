package analyzer

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// widenDraw draws small policies over few labels, namespaces, addresses and ports, and knows everybody whom they can tell apart.
type widenDraw struct {
	*rand.Rand
	// names: ingress rules may name ports.
	names bool
}

func pick[T any](d widenDraw, list ...T) T { return list[d.IntN(len(list))] }

func (d widenDraw) selector() *metav1.LabelSelector {
	return d.selectorOver([]string{"a", "b"}, "1", "2")
}

func (d widenDraw) selectorOver(keys []string, values ...string) *metav1.LabelSelector {
	s := &metav1.LabelSelector{}
	for range pick(d, 0, 1, 1, 1, 2) {
		e := metav1.LabelSelectorRequirement{Key: pick(d, keys...), Operator: pick(d, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)}
		if e.Operator == metav1.LabelSelectorOpIn || e.Operator == metav1.LabelSelectorOpNotIn {
			e.Values = []string{pick(d, values...)}
		}
		s.MatchExpressions = append(s.MatchExpressions, e)
	}
	return s
}

func (d widenDraw) namespaceSelector() *metav1.LabelSelector {
	switch d.IntN(3) {
	case 0:
		return selector.NamespaceNames(pick(d, "here", "there"))
	case 1:
		return d.selectorOver([]string{selector.NamespaceNameLabel}, "here", "there")
	}
	return d.selectorOver([]string{"k"}, "1")
}

func (d widenDraw) peer() networkingv1.NetworkPolicyPeer {
	switch d.IntN(4) {
	case 0:
		return networkingv1.NetworkPolicyPeer{PodSelector: d.selector()}
	case 1:
		return networkingv1.NetworkPolicyPeer{NamespaceSelector: d.namespaceSelector()}
	case 2:
		return networkingv1.NetworkPolicyPeer{NamespaceSelector: d.namespaceSelector(), PodSelector: d.selector()}
	}
	block := pick(d,
		networkingv1.IPBlock{CIDR: "0.0.0.0/0"}, networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"198.51.100.0/29"}}, networkingv1.IPBlock{CIDR: "::/0"},
		networkingv1.IPBlock{CIDR: "198.51.100.0/30"}, networkingv1.IPBlock{CIDR: "198.51.100.4/30", Except: []string{"198.51.100.6/31"}},
		networkingv1.IPBlock{CIDR: "198.51.100.6/31"}, networkingv1.IPBlock{CIDR: "198.51.100.0/29", Except: []string{"198.51.100.1/32"}}, networkingv1.IPBlock{CIDR: "128.0.0.0/1"})
	return networkingv1.NetworkPolicyPeer{IPBlock: &block}
}

func (d widenDraw) rule(direction networkpolicy.Direction) (peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
	for range pick(d, 0, 1, 1, 1, 2) {
		peers = append(peers, d.peer())
	}
	for range pick(d, 0, 0, 1, 1, 2) {
		port := networkingv1.NetworkPolicyPort{Protocol: new(pick(d, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP))}
		switch d.IntN(5) {
		case 0:
		case 1:
			port.Port, port.EndPort = new(intstr.FromInt32(80)), new(int32(90))
		case 2:
			if d.names && direction == networkpolicy.Ingress {
				port.Port, port.Protocol = new(intstr.FromString("web")), nil
				break
			}
			fallthrough
		default:
			port.Port = new(intstr.FromInt32(pick(d, int32(80), 85)))
		}
		ports = append(ports, port)
	}
	return peers, ports
}

func (d widenDraw) policy(name string, pods *metav1.LabelSelector) networkingv1.NetworkPolicy {
	p := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "here"}, Spec: networkingv1.NetworkPolicySpec{PodSelector: *pods}}
	for range d.IntN(3) {
		from, ports := d.rule(networkpolicy.Ingress)
		p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: from, Ports: ports})
	}
	for range d.IntN(3) {
		to, ports := d.rule(networkpolicy.Egress)
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: to, Ports: ports})
	}
	return p
}

// isolating returns a policy as profiles have them, of both types.
func (d widenDraw) isolating(name string, pods *metav1.LabelSelector) networkingv1.NetworkPolicy {
	p := d.policy(name, pods)
	p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	return p
}

// everyPod returns a pod of each kind that the selectors drawn can tell apart.
func everyPod(namespace string) []snapshot.Pod {
	var out []snapshot.Pod
	for _, a := range []string{"", "1", "2", "other"} {
		for _, b := range []string{"", "1", "2", "other"} {
			pod := snapshot.Pod{Namespace: namespace, Labels: map[string]string{}, Addresses: []netip.Addr{}, Ports: []snapshot.ContainerPort{{Name: "web", Protocol: "TCP", Port: 80}}}
			for key, value := range map[string]string{"a": a, "b": b} {
				if value != "" {
					pod.Labels[key] = value
				}
			}
			out = append(out, pod)
		}
	}
	return out
}

// everyOther returns everybody whom the peers drawn can tell apart.
func everyOther(t *testing.T, here *evaluator.Namespace) []evaluator.Other {
	t.Helper()
	var out []evaluator.Other
	add := func(n *evaluator.Namespace) {
		for _, pod := range everyPod(n.Name()) {
			out = append(out, evaluator.Other{Pod: &pod, Namespace: n})
		}
	}
	add(here)
	for _, name := range []string{"there", "elsewhere"} {
		for _, k := range []string{"", "1", "other"} {
			ns := snapshot.Namespace{Name: name, Labels: map[string]string{}}
			if k != "" {
				ns.Labels["k"] = k
			}
			add(readRules(t, ns))
		}
	}
	for i := range 8 {
		out = append(out, evaluator.Other{Address: netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})})
	}
	for _, text := range []string{"8.8.8.8", "203.0.113.1", "2001:db8::1"} {
		out = append(out, evaluator.Other{Address: netip.MustParseAddr(text)})
	}
	return out
}

func readRules(t *testing.T, ns snapshot.Namespace, policies ...*networkingv1.NetworkPolicy) *evaluator.Namespace {
	t.Helper()
	read, err := evaluator.Read(ns, policies)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// drawWidenInput draws a profile of one or two tiers that is enforced or previewed, another one, one that is frozen, and two foreign
// policies. The declared policies are those that count for the first profile.
func (d widenDraw) input() (in WidenInput, declared []*networkingv1.NetworkPolicy, foreign []*networkingv1.NetworkPolicy) {
	in.Namespace = snapshot.Namespace{Name: "here", Labels: map[string]string{"k": pick(d, "1", "other")}}
	output := func(name string, disposition compiler.Disposition) compiler.Output {
		return compiler.Output{Disposition: disposition, Selected: true, Profile: snapshot.Profile{Key: snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "here", Name: name}}}
	}
	mine := output("mine", pick(d, compiler.Enforce, compiler.Preview))
	mine.Profile.Isolation = v1alpha1.IsolationNamespace
	for i := range 1 + d.IntN(2) {
		tier := v1alpha1.ClusterTier{Tier: v1alpha1.Tier{Name: fmt.Sprint("tier", i), PodSelector: toAPI(d.selector())}}
		mine.Profile.Tiers = append(mine.Profile.Tiers, tier)
		mine.Policies = append(mine.Policies, d.isolating("mine-"+tier.Name, selector.FromAPI(tier.PodSelector)))
	}
	deny := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "mine-deny", Namespace: "here"}}
	deny.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	mine.Policies = append(mine.Policies, deny)
	theirs := output("theirs", pick(d, compiler.Enforce, compiler.Remove))
	if theirs.Disposition == compiler.Enforce && d.IntN(2) == 0 {
		theirs.Policies = append(theirs.Policies, d.isolating("theirs", d.selector()))
	}
	frozen := output("frozen", pick(d, compiler.Freeze, compiler.Preview))
	live := ownedBy("frozen", d.isolating("frozen", d.selector()))
	live.Annotations = map[string]string{v1alpha1.AnnotationSpecHash: networkpolicy.Hash(live.Spec)}
	in.Outputs = []compiler.Output{mine, theirs, frozen}
	for _, list := range [][]networkingv1.NetworkPolicy{mine.Policies, theirs.Policies, {live}} {
		for i := range list {
			declared = append(declared, &list[i])
		}
	}
	for _, name := range []string{"foreign", "stranger"} {
		foreign = append(foreign, new(d.policy(name, d.selector())))
	}
	drifted := ownedBy(pick(d, "mine", "theirs"), d.policy("drifted", d.selector()))
	in.Live = append(append(in.Live, foreign...), &live, &drifted)
	for _, pod := range everyPod("here") {
		if d.names || d.IntN(8) == 0 {
			in.Pods = append(in.Pods, pod)
		}
	}
	return in, declared, foreign
}

func ownedBy(profile string, p networkingv1.NetworkPolicy) networkingv1.NetworkPolicy {
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: string(v1alpha1.KindSegmentationProfile), Name: profile, UID: "x", Controller: new(true)}}
	return p
}

func toAPI(s *metav1.LabelSelector) *v1alpha1.LabelSelector {
	out := &v1alpha1.LabelSelector{}
	for _, e := range s.MatchExpressions {
		r := v1alpha1.LabelSelectorRequirement{Key: e.Key, Operator: e.Operator}
		for _, v := range e.Values {
			r.Values = append(r.Values, v1alpha1.LabelValue(v))
		}
		out.MatchExpressions = append(out.MatchExpressions, r)
	}
	return out
}

// excess returns the ports that a policy admits for one of the pods, to or from anybody, which the declared ones do not.
func excess(direction networkpolicy.Direction, pods []snapshot.Pod, others []evaluator.Other, foreign, declared *evaluator.Namespace) portset.Set {
	var out portset.Set
	for i := range pods {
		for _, other := range others {
			adds := foreign.Admits(direction, &pods[i], other)
			if adds.Isolated {
				out = out.Union(adds.Ports.Minus(declared.Admits(direction, &pods[i], other).Ports))
			}
		}
	}
	return out
}

// TestWidenedIsWhatAnExhaustiveSearchFinds asks the evaluator about every pod and everybody else of a small world.
func TestWidenedIsWhatAnExhaustiveSearchFinds(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	counts := map[string]int{}
	for round := range 250 {
		d := widenDraw{random, round%4 == 0}
		in, declared, foreign := d.input()
		all, err := Widened(in)
		if err != nil {
			t.Fatal(err)
		}
		declaredRules := readRules(t, in.Namespace, declared...)
		others := everyOther(t, readRules(t, in.Namespace))
		subjects, err := subjectsOf(in.Outputs[0], in.Namespace)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range subjects {
			for _, f := range foreign {
				rules := readRules(t, in.Namespace, f)
				for _, direction := range []networkpolicy.Direction{networkpolicy.Egress, networkpolicy.Ingress} {
					today := excess(direction, chosen(t, s, in.Pods), others, rules, declaredRules)
					want := today
					if today.IsEmpty() {
						want = excess(direction, chosen(t, s, everyPod("here")), others, rules, declaredRules)
					}
					i := slices.IndexFunc(all, func(w Widening) bool {
						return w.Profile.Name == "mine" && w.Tier == s.tier && w.Policy == f.Name && w.Direction == direction
					})
					counts[fmt.Sprintf("widened %t, today %t", i >= 0, i >= 0 && all[i].Today)]++
					if (i >= 0) != !want.IsEmpty() || (i >= 0 && all[i].Today == today.IsEmpty()) {
						t.Fatalf("round %d: %s, %s of %q: got %+v; today %s, ever %s\nforeign %s\ndeclared %s", round, f.Name, direction, s.tier, all, today, want, networkpolicy.Key(f.Spec), networkpolicy.Key(declared))
					}
					if i >= 0 && len(all[i].Opens) == 1 && !d.names && all[i].Opens[0].Ports != Words(want) {
						t.Fatalf("round %d: %s, %s of %q: got %+v; want %s", round, f.Name, direction, s.tier, all[i], want)
					}
				}
			}
		}
		if again := shuffled(t, random, in); !reflect.DeepEqual(all, again) {
			t.Fatalf("round %d: %+v\nin another order %+v", round, all, again)
		}
	}
	t.Log(counts)
	for _, kind := range []string{"widened true, today true", "widened true, today false", "widened false, today false"} {
		if counts[kind] < 50 {
			t.Errorf("%s only %d times: the test looks at too little", kind, counts[kind])
		}
	}
}

func chosen(t *testing.T, s subject, pods []snapshot.Pod) []snapshot.Pod {
	t.Helper()
	out, err := s.pods.among(pods)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func shuffled(t *testing.T, random *rand.Rand, in WidenInput) []Widening {
	t.Helper()
	in.Outputs, in.Live, in.Pods = slices.Clone(in.Outputs), slices.Clone(in.Live), slices.Clone(in.Pods)
	random.Shuffle(len(in.Outputs), func(i, j int) { in.Outputs[i], in.Outputs[j] = in.Outputs[j], in.Outputs[i] })
	random.Shuffle(len(in.Live), func(i, j int) { in.Live[i], in.Live[j] = in.Live[j], in.Live[i] })
	random.Shuffle(len(in.Pods), func(i, j int) { in.Pods[i], in.Pods[j] = in.Pods[j], in.Pods[i] })
	out, err := Widened(in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
