package compiler

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

var update = flag.Bool("update", false, "write the golden files anew")

// options is a document of a golden input that stands for the operator's flags.
type options struct {
	metav1.TypeMeta `json:",inline"`
	DNSServices     []string `json:"dnsServices,omitempty"`
	NodeLocalDNS    []string `json:"nodeLocalDNS,omitempty"`
	ClusterCIDRs    []string `json:"clusterCIDRs,omitempty"`
	Protected       []string `json:"protected,omitempty"`
	AllowNAT64      bool     `json:"allowNAT64,omitempty"`
}

// cluster is what a golden input describes.
type cluster struct {
	namespaces []snapshot.Namespace
	profiles   []snapshot.Profile
	services   []corev1.Service
	options    snapshot.Options
}

// at returns the snapshot of one namespace.
func (c cluster) at(ns snapshot.Namespace) snapshot.Snapshot {
	s := snapshot.Snapshot{Namespace: ns, Services: c.services, Options: c.options}
	for _, p := range c.profiles {
		if p.Key.Namespace == "" || p.Key.Namespace == ns.Name {
			s.Profiles = append(s.Profiles, p)
		}
	}
	slices.SortFunc(s.Profiles, snapshot.Profile.Compare)
	return s
}

func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no golden inputs: %v", err)
	}
	for _, input := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(input), ".in.yaml"), func(t *testing.T) {
			got := render(t, readCluster(t, input))
			output := strings.TrimSuffix(input, ".in.yaml") + ".out.yaml"
			if *update {
				if err := os.WriteFile(output, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(output)
			if err != nil {
				t.Fatalf("%v (write it with: go test ./internal/compiler -update)", err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs; got:\n%s", output, got)
			}
		})
	}
}

func readCluster(t *testing.T, file string) cluster {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := cluster{options: snapshot.DefaultOptions("firebreak-system")}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return c
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := c.add(document); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
}

func (c *cluster) add(document []byte) error {
	var meta metav1.TypeMeta
	if err := yaml.Unmarshal(document, &meta); err != nil {
		return err
	}
	switch meta.Kind {
	case "":
		return nil // a document of comments
	case "Namespace":
		var ns corev1.Namespace
		err := yaml.UnmarshalStrict(document, &ns)
		labels := map[string]string{"kubernetes.io/metadata.name": ns.Name}
		for k, v := range ns.Labels {
			labels[k] = v
		}
		c.namespaces = append(c.namespaces, snapshot.Namespace{Name: ns.Name, Labels: labels})
		return err
	case "Service":
		var s corev1.Service
		err := yaml.UnmarshalStrict(document, &s)
		c.services = append(c.services, s)
		return err
	case string(v1alpha1.KindSegmentationProfile):
		var p v1alpha1.SegmentationProfile
		err := yaml.UnmarshalStrict(document, &p)
		c.profiles = append(c.profiles, snapshot.FromSegmentationProfile(&p))
		return err
	case string(v1alpha1.KindClusterSegmentationProfile):
		var p v1alpha1.ClusterSegmentationProfile
		err := yaml.UnmarshalStrict(document, &p)
		c.profiles = append(c.profiles, snapshot.FromClusterSegmentationProfile(&p))
		return err
	case "Options":
		return c.addOptions(document)
	}
	return fmt.Errorf("unknown kind %s", meta.Kind)
}

func (c *cluster) addOptions(document []byte) error {
	var o options
	if err := yaml.UnmarshalStrict(document, &o); err != nil {
		return err
	}
	for _, name := range o.DNSServices {
		namespace, service, _ := strings.Cut(name, "/")
		c.options.DNSServices = append(c.options.DNSServices, types.NamespacedName{Namespace: namespace, Name: service})
	}
	if o.NodeLocalDNS != nil {
		c.options.NodeLocalDNS = nil
	}
	for _, text := range o.NodeLocalDNS {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return err
		}
		c.options.NodeLocalDNS = append(c.options.NodeLocalDNS, addr)
	}
	for _, text := range o.ClusterCIDRs {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return err
		}
		c.options.ClusterCIDRs = append(c.options.ClusterCIDRs, prefix)
	}
	c.options.ProtectedNamespaces = append(c.options.ProtectedNamespaces, o.Protected...)
	c.options.AllowNAT64 = o.AllowNAT64
	return nil
}

// outcome is how a golden output shows what a profile came to in a namespace, besides policies.
type outcome struct {
	Namespace   string             `json:"namespace"`
	Profile     string             `json:"profile"`
	Disposition Disposition        `json:"disposition"`
	Protected   bool               `json:"protected,omitempty"`
	Errors      []string           `json:"errors,omitempty"`
	Findings    []v1alpha1.Finding `json:"findings,omitempty"`
}

// render compiles every namespace: the policies as one document each, and at the end what each profile came to.
func render(t *testing.T, c cluster) []byte {
	t.Helper()
	var out bytes.Buffer
	var outcomes []outcome
	for _, ns := range c.namespaces {
		for _, o := range Compile(c.at(ns)) {
			for _, policy := range o.Policies {
				out.WriteString(toYAML(t, policy) + "---\n")
			}
			result := outcome{Namespace: ns.Name, Profile: o.Profile.Key.String(), Disposition: o.Disposition, Protected: o.Protected, Findings: o.Findings}
			for _, err := range append(validation.Validate(o.Profile), validation.Unsupported(o.Profile)...) {
				result.Errors = append(result.Errors, err.Error())
			}
			outcomes = append(outcomes, result)
		}
	}
	out.WriteString(toYAML(t, map[string]any{"outcomes": outcomes}))
	return out.Bytes()
}

func toYAML(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
