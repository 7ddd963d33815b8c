package validation_test

import (
	"os"
	"path/filepath"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

// FuzzValidate reads anything as the spec of a cluster profile. Validating it does not panic. Whatever is accepted and
// supported compiles to policies with the rules that Kubernetes asks of their ports; package compiler checks the rest.
func FuzzValidate(f *testing.F) {
	for _, rules := range []map[string]rule{settingsRules(), selectorRules(), portRules(), peerRules(), addressRules()} {
		for _, r := range rules {
			f.Add([]byte("namespaceSelector: {}\n" + r.accepted))
			f.Add([]byte("namespaceSelector: {}\n" + r.refused))
		}
	}
	samples, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	peers, err := filepath.Glob("../../config/samples/peers/*.yaml")
	if err != nil || len(peers) == 0 {
		f.Fatalf("no samples of peers: %v", err)
	}
	for _, sample := range append(samples, peers...) {
		data, err := os.ReadFile(sample)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
		if yaml.UnmarshalStrict(data, &p.Spec) != nil && yaml.UnmarshalStrict(data, p) != nil {
			return
		}
		profile := snapshot.FromClusterSegmentationProfile(p)
		// The API server keeps these.
		profile.Deleting, profile.Orphaning = false, false
		valid := len(validation.Validate(profile)) == 0
		ns := snapshot.Namespace{Name: "shop", Labels: map[string]string{"kubernetes.io/metadata.name": "shop"}}
		selected, err := profile.Selects(ns)
		if valid && err != nil {
			t.Fatalf("accepted, and its selector cannot be read: %v", err)
		}
		out := compiler.Compile(snapshot.Snapshot{Namespace: ns, Profiles: []snapshot.Profile{profile}})[0]
		if acts := out.Disposition == compiler.Enforce || out.Disposition == compiler.Preview; acts != (valid && selected) {
			t.Fatalf("valid %t, selected %t, and the compiler says %s", valid, selected, out.Disposition)
		}
		for _, policy := range out.Policies {
			for _, rule := range policy.Spec.Ingress {
				mustHavePorts(t, rule.Ports)
			}
			for _, rule := range policy.Spec.Egress {
				mustHavePorts(t, rule.Ports)
			}
		}
	})
}

func mustHavePorts(t *testing.T, ports []networkingv1.NetworkPolicyPort) {
	t.Helper()
	if len(ports) == 0 {
		t.Error("a rule for every port")
	}
	for _, p := range ports {
		switch {
		case p.Protocol == nil || p.Port == nil:
			t.Error("a port without protocol or number")
		case p.EndPort != nil && (p.Port.Type == intstr.String || *p.EndPort < p.Port.IntVal || *p.EndPort > 65535):
			t.Errorf("a range from %v to %d", p.Port, *p.EndPort)
		case p.Port.Type == intstr.Int && (p.Port.IntVal < 1 || p.Port.IntVal > 65535):
			t.Errorf("port %d", p.Port.IntVal)
		}
	}
}
