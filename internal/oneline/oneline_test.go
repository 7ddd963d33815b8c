package oneline

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/networkpolicy"
)

// awkward are names, keys and values that YAML could take for something else.
func awkward() []string {
	return []string{"true", "y", "No", "null", "1.5", "1e3", "0x1F", "", "-", ".", "_x", "on", "app.kubernetes.io/name", "web", "2001-01-01"}
}

func drawSelector(r *rand.Rand) *metav1.LabelSelector {
	if r.IntN(4) == 0 {
		return nil
	}
	names := awkward()
	one := func() string { return names[r.IntN(len(names))] }
	out := &metav1.LabelSelector{}
	for range r.IntN(3) {
		if out.MatchLabels == nil {
			out.MatchLabels = map[string]string{}
		}
		out.MatchLabels[one()] = one()
	}
	for range r.IntN(3) {
		e := metav1.LabelSelectorRequirement{Key: one(), Operator: metav1.LabelSelectorOpExists}
		if r.IntN(2) == 0 {
			e.Operator, e.Values = metav1.LabelSelectorOpNotIn, []string{one(), one()}
		}
		out.MatchExpressions = append(out.MatchExpressions, e)
	}
	return out
}

func drawPeer(r *rand.Rand) networkingv1.NetworkPolicyPeer {
	switch r.IntN(4) {
	case 0:
		return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.1.0.0/16", "10.2.0.0/16"}}}
	case 1:
		return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "fd00::/8"}}
	}
	return networkingv1.NetworkPolicyPeer{PodSelector: drawSelector(r), NamespaceSelector: drawSelector(r)}
}

func drawPort(r *rand.Rand) networkingv1.NetworkPolicyPort {
	switch r.IntN(4) {
	case 0:
		return networkingv1.NetworkPolicyPort{Port: new(intstr.FromString("on")), Protocol: new(corev1.ProtocolTCP)}
	case 1:
		return networkingv1.NetworkPolicyPort{Protocol: new(corev1.ProtocolSCTP)}
	case 2:
		return networkingv1.NetworkPolicyPort{Port: new(intstr.FromInt32(80)), EndPort: new(int32(90)), Protocol: new(corev1.ProtocolUDP)}
	}
	return networkingv1.NetworkPolicyPort{Port: new(intstr.FromInt32(80))}
}

func TestWhatIsWrittenReadsBackAsWhatWasGiven(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		given := networkingv1.NetworkPolicyIngressRule{}
		for range r.IntN(3) {
			given.From = append(given.From, drawPeer(r))
		}
		for range r.IntN(3) {
			given.Ports = append(given.Ports, drawPort(r))
		}
		text := Rule(networkpolicy.Ingress, given.From, given.Ports)
		var got networkingv1.NetworkPolicyIngressRule
		if err := yaml.UnmarshalStrict([]byte(text), &got); err != nil || strings.Contains(text, "\n") {
			t.Fatalf("%s: %v", text, err)
		}
		want := networkpolicy.Canonical(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{given}})
		if have := networkpolicy.Canonical(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{got}}); !reflect.DeepEqual(have, want) {
			t.Fatalf("%s\nreads as %s\nwant %s", text, networkpolicy.Key(have), networkpolicy.Key(want))
		}
	}
}

func TestAScalarIsTheTextThatWasGiven(t *testing.T) {
	for _, value := range awkward() {
		var got struct{ Value string }
		if err := yaml.UnmarshalStrict(fmt.Appendf(nil, "{value: %s}", Scalar(value)), &got); err != nil || got.Value != value {
			t.Errorf("%q is written %s and reads as %q: %v", value, Scalar(value), got.Value, err)
		}
	}
}

func TestANameFits(t *testing.T) {
	if got := Name(strings.Repeat("a", 62) + "-b"); got != strings.Repeat("a", 62) {
		t.Errorf("got %q", got)
	}
}
