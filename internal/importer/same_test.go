package importer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// everyLabels returns every object that the words of drawn can tell apart.
func everyLabels() []map[string]string {
	var out []map[string]string
	for _, x := range []string{"", "1", "2", "3"} {
		for _, y := range []string{"", "1", "2", "3"} {
			labels := map[string]string{}
			if x != "" {
				labels["x"] = x
			}
			if y != "" {
				labels["y"] = y
			}
			out = append(out, labels)
		}
	}
	return out
}

// everyOther returns everybody at the other end whom the words of drawn can tell apart, without ports.
func everyOther(t *testing.T) []evaluator.Other {
	t.Helper()
	var out []evaluator.Other
	for _, addr := range []string{"::", "1.1.1.1", "10.0.0.1", "10.1.0.1", "10.128.0.1"} {
		out = append(out, evaluator.Other{Address: netip.MustParseAddr(addr)})
	}
	for _, name := range []string{"shop", "else", "third"} {
		for _, team := range []string{"", "a", "b"} {
			labels := map[string]string{}
			if team != "" {
				labels["team"] = team
			}
			ns, err := evaluator.Read(snapshot.Namespace{Name: name, Labels: labels}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, labels := range everyLabels() {
				out = append(out, evaluator.Other{Pod: &snapshot.Pod{Namespace: name, Labels: labels}, Namespace: ns})
			}
		}
	}
	return out
}

// everyPorts returns the ports of pods that the words of drawn can tell apart: names that have one number.
func everyPorts() [][]snapshot.ContainerPort {
	out := [][]snapshot.ContainerPort{nil}
	for _, name := range []string{"http", "web"} {
		for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP} {
			for _, number := range []int32{7, 80, 81, 82} {
				out = append(out, []snapshot.ContainerPort{{Name: name, Protocol: protocol, Port: number}})
			}
		}
	}
	return out
}

// tellApart says by asking about everybody whether two lists of policies differ.
func tellApart(t *testing.T, before, after []*networkingv1.NetworkPolicy, others []evaluator.Other) bool {
	t.Helper()
	was, err := evaluator.Read(shop().Namespace, before)
	if err != nil {
		t.Fatal(err)
	}
	is, err := evaluator.Read(shop().Namespace, after)
	if err != nil {
		t.Fatal(err)
	}
	for _, ports := range everyPorts() {
		for _, labels := range everyLabels() {
			for _, other := range others {
				pod := &snapshot.Pod{Namespace: "shop", Labels: labels, Ports: ports}
				if other.Pod != nil {
					other.Pod = &snapshot.Pod{Namespace: other.Pod.Namespace, Labels: other.Pod.Labels, Ports: ports}
				}
				for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
					if !was.Admits(direction, pod, other).Ports.Equal(is.Admits(direction, pod, other).Ports) {
						return true
					}
				}
			}
		}
	}
	return false
}

func TestSameIsWhatAskingAboutEverybodyTells(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	d := drawn{rand.New(rand.NewPCG(seed, 0))}
	others := everyOther(t)
	differing := 0
	const cases = 60
	for range cases {
		var before []*networkingv1.NetworkPolicy
		for i := range 1 + d.IntN(3) {
			before = append(before, d.policy(fmt.Sprint("policy-", i)))
		}
		after := d.changed(before)
		err := Same(shop().Namespace, before, after)
		if err != nil && !errors.Is(err, ErrDiffers) {
			t.Fatal(err)
		}
		differ := tellApart(t, before, after, others)
		if differ {
			differing++
		}
		if differ != (err != nil) {
			t.Fatalf("they differ: %t, and Same says %v:\n%s\n%s", differ, err, networkpolicy.Key(before), networkpolicy.Key(after))
		}
	}
	t.Logf("%d of %d differ", differing, cases)
	if differing < cases/10 || differing > cases*9/10 {
		t.Errorf("%d of %d differ, which says little", differing, cases)
	}
}

func TestOtherNamespacesAreNotTakenForTheOwn(t *testing.T) {
	both := from(policy("web", "web"), nil, networkingv1.NetworkPolicyPeer{NamespaceSelector: selector.NamespaceNames("shop", "zoo")})
	own := from(policy("web", "web"), nil, networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}})
	for _, lists := range [][2]*networkingv1.NetworkPolicy{{both, own}, {own, both}} {
		if err := Same(shop().Namespace, lists[:1], lists[1:]); !errors.Is(err, ErrDiffers) {
			t.Errorf("got %v", err)
		}
	}
	byName := from(policy("web", "web"), nil, networkingv1.NetworkPolicyPeer{NamespaceSelector: selector.NamespaceNames("shop")})
	if err := Same(shop().Namespace, []*networkingv1.NetworkPolicy{own}, []*networkingv1.NetworkPolicy{byName}); err != nil {
		t.Errorf("its own namespace by its name is another: %v", err)
	}
}

func TestNamesOfPortsAreToldApartWhereAllNumbersAreTaken(t *testing.T) {
	web := func(name string) []*networkingv1.NetworkPolicy {
		var numbers []networkingv1.NetworkPolicyPort
		for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP} {
			for _, ends := range [][2]int32{{1, 32767}, {32768, 65535}} {
				p := port(int(ends[0]))
				p.Protocol, p.EndPort = new(protocol), new(ends[1])
				numbers = append(numbers, p)
			}
		}
		return []*networkingv1.NetworkPolicy{from(from(policy("web", "web"), []networkingv1.NetworkPolicyPort{port(name)}, pods("api")), numbers, pods("db"))}
	}
	if err := Same(shop().Namespace, web("http"), web("admin")); !errors.Is(err, ErrDiffers) {
		t.Errorf("got %v", err)
	}
}

func TestSameKnowsTheEndsOfRules(t *testing.T) {
	http := []networkingv1.NetworkPolicyPort{port("http")}
	everyPod := networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}}
	range10 := block("10.0.0.0/8")
	for name, c := range map[string]struct {
		before, after *networkingv1.NetworkPolicy
		same          bool
	}{
		"a name means nothing at an address":              {to(policy("p", "web", "Egress"), http, range10), policy("p", "web", "Egress"), true},
		"a name leads to pods wherever they are":          {to(policy("p", "web", "Egress"), http), to(policy("p", "web", "Egress"), http, everyPod), true},
		"a name is a port of whom an address connects to": {from(policy("p", "web", "Ingress"), http, range10), policy("p", "web", "Ingress"), false},
		"whom a name leads to is all that differs":        {from(policy("p", "web", "Ingress"), http), from(policy("p", "web", "Ingress"), http, everyPod), false},
		"a range in two halves is the range":              {from(policy("p", "web"), nil, range10), from(policy("p", "web"), nil, block("10.0.0.0/9"), block("10.128.0.0/9")), true},
		"every address is not every pod":                  {from(policy("p", "web"), nil), from(policy("p", "web"), nil, block("0.0.0.0/0"), block("::/0")), false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, lists := range [][2]*networkingv1.NetworkPolicy{{c.before, c.after}, {c.after, c.before}} {
				err := Same(shop().Namespace, lists[:1], lists[1:])
				if c.same && err != nil || !c.same && !errors.Is(err, ErrDiffers) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	some := []*networkingv1.NetworkPolicy{policy("deny", "", "Ingress"), from(policy("p", "web"), nil, range10)}
	all := []*networkingv1.NetworkPolicy{from(policy("deny", "", "Ingress"), nil, range10)}
	if err := Same(shop().Namespace, some, all); !errors.Is(err, ErrDiffers) {
		t.Errorf("of a range that leads to some pods, and to all: %v", err)
	}
}
