package semantics_test

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/test/random"
)

// FuzzEvaluator reads anything as the NetworkPolicies of a random cluster. Whatever they are, they are refused or evaluated
// without a panic, and the answers agree with each other.
func FuzzEvaluator(f *testing.F) {
	goldens, err := filepath.Glob("../../internal/compiler/testdata/*.out.yaml")
	if err != nil || len(goldens) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for i, golden := range goldens {
		data, err := os.ReadFile(golden)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint64(i))
	}
	for number := range uint64(20) {
		data, err := yaml.Marshal(random.New(1, number).Policy("shop", 0))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, number)
	}
	f.Fuzz(func(t *testing.T, data []byte, number uint64) {
		c := random.New(1, number).Foreign()
		w := evaluator.World{Namespaces: c.Namespaces, Pods: c.Pods, Policies: readPolicies(data)}
		e, err := evaluator.New(w)
		if err != nil {
			return
		}
		if _, err := consistent(w); err != nil {
			t.Error(err)
		}
		outside := evaluator.OfAddress(netip.MustParseAddr("192.0.2.7"))
		for i := range c.Pods {
			pod := evaluator.OfPod(&c.Pods[i])
			e.Evaluate(evaluator.Connection{Source: outside, Destination: pod, Protocol: corev1.ProtocolTCP, Port: 80})
			e.Evaluate(evaluator.Connection{Source: pod, Destination: outside, Protocol: corev1.ProtocolUDP, Port: 53})
		}
	})
}

// readPolicies reads documents as NetworkPolicies as far as they can be read, not more than fit into a moment. They are in
// namespaces that there are.
func readPolicies(data []byte) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for len(out) < 20 {
		document, err := documents.Read()
		if err != nil {
			break
		}
		p := &networkingv1.NetworkPolicy{}
		if err := yaml.Unmarshal(document, p); err != nil {
			continue
		}
		if p.Namespace != "data" {
			p.Namespace = "shop"
		}
		out = append(out, p)
	}
	return out
}
