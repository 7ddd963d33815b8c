package compiler

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/random"
)

func readFile(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// FuzzCompile reads anything as manifests. Whatever they are, compiling does not panic, and what valid profiles come to
// is sound.
func FuzzCompile(f *testing.F) {
	inputs, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, input := range inputs {
		f.Add([]byte(readFile(f, input)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, ok := fuzzedCluster(data)
		if !ok {
			return
		}
		for _, ns := range c.Namespaces {
			s := c.In(ns)
			for _, o := range Compile(s) {
				if err := sound(s, o); err != nil {
					t.Errorf("%s in %s: %v", o.Profile.Key, ns.Name, err)
				}
				if err := bothEnds(c.Cluster, s, o); err != nil {
					t.Errorf("%s in %s: %v", o.Profile.Key, ns.Name, err)
				}
			}
		}
	})
}

// fuzzedCluster reads profiles, namespaces and options; false when they cannot be read. The DNS Service is always the
// same: the rest comes from the API server, which has checked it.
func fuzzedCluster(data []byte) (cluster, bool) {
	c := cluster{random.Cluster{Options: snapshot.DefaultOptions("firebreak-system")}}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := documents.Read()
		if err != nil {
			break
		}
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal(document, &meta); err != nil {
			return c, false
		}
		if slices.Contains([]string{"Service", "EndpointSlice", "Node", "ServiceCIDR", "Pod"}, meta.Kind) {
			continue
		}
		if err := c.add(document); err != nil {
			return c, false
		}
	}
	c.Namespaces = append(c.Namespaces, snapshot.Namespace{Name: "shop", Labels: map[string]string{"kubernetes.io/metadata.name": "shop"}})
	c.Facts.Services = []corev1.Service{{
		ObjectMeta: metav1.ObjectMeta{Name: "kube-dns", Namespace: "kube-system"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"k8s-app": "kube-dns"}, ClusterIP: "10.96.0.10",
			Ports: []corev1.ServicePort{{Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromString("dns")}},
		},
	}}
	return c, true
}
