package compiler

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
	"firebreak.dev/firebreak/test/random"
)

var update = flag.Bool("update", false, "write the golden files anew")

// options is a document of a golden input that stands for the operator's flags.
type options struct {
	metav1.TypeMeta `json:",inline"`
	DNSServices     []string `json:"dnsServices,omitempty"`
	NodeLocalDNS    []string `json:"nodeLocalDNS,omitempty"`
	ClusterCIDRs    []string `json:"clusterCIDRs,omitempty"`
	NodeCIDRs       []string `json:"nodeCIDRs,omitempty"`
	Protected       []string `json:"protected,omitempty"`
	AllowNAT64      bool     `json:"allowNAT64,omitempty"`
}

// cluster is what a golden input describes.
type cluster struct{ random.Cluster }

func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no golden inputs: %v", err)
	}
	for _, input := range inputs {
		t.Run(strings.TrimSuffix(filepath.Base(input), ".in.yaml"), func(t *testing.T) {
			mustBeGolden(t, strings.TrimSuffix(input, ".in.yaml")+".out.yaml", render(t, readCluster(t, input)))
		})
	}
}

// mustBeGolden compares with a golden file to the byte, or writes it.
func mustBeGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (write it with: make golden)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}

func readCluster(t testing.TB, file string) cluster {
	t.Helper()
	c := cluster{random.Cluster{Options: snapshot.DefaultOptions("firebreak-system")}}
	c.readFile(t, file)
	return c
}

// readFile adds what a file describes.
func (c *cluster) readFile(t testing.TB, file string) {
	t.Helper()
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(readFile(t, file))))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return
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
		return read(document, func(ns corev1.Namespace) {
			labels := map[string]string{"kubernetes.io/metadata.name": ns.Name}
			maps.Copy(labels, ns.Labels)
			c.Namespaces = append(c.Namespaces, snapshot.Namespace{Name: ns.Name, Labels: labels})
		})
	case "Service":
		return read(document, func(s corev1.Service) { c.Facts.Services = append(c.Facts.Services, s) })
	case "EndpointSlice":
		return read(document, func(s discoveryv1.EndpointSlice) { c.Facts.EndpointSlices = append(c.Facts.EndpointSlices, s) })
	case "Node":
		return read(document, func(n corev1.Node) {
			c.Facts.Nodes = append(c.Facts.Nodes, snapshot.FromNode(&n))
			c.Facts.ClusterRanges = append(c.Facts.ClusterRanges, snapshot.PublicRangesOfNode(&n)...)
		})
	case "ServiceCIDR":
		return read(document, func(s networkingv1.ServiceCIDR) {
			c.Facts.ClusterRanges = append(c.Facts.ClusterRanges, snapshot.PublicRangesOfServices(&s)...)
		})
	case "Pod":
		return read(document, c.addPod)
	case string(v1alpha1.KindSegmentationProfile):
		return read(document, func(p v1alpha1.SegmentationProfile) {
			c.Profiles = append(c.Profiles, snapshot.FromSegmentationProfile(&p))
		})
	case string(v1alpha1.KindClusterSegmentationProfile):
		return read(document, func(p v1alpha1.ClusterSegmentationProfile) {
			c.Profiles = append(c.Profiles, snapshot.FromClusterSegmentationProfile(&p))
		})
	case "Options":
		return c.addOptions(document)
	}
	return fmt.Errorf("unknown kind %s", meta.Kind)
}

func read[T any](document []byte, add func(T)) error {
	var obj T
	err := yaml.UnmarshalStrict(document, &obj)
	add(obj)
	return err
}

func (c *cluster) addPod(p corev1.Pod) {
	if c.Facts.PodAddresses == nil {
		c.Facts.PodAddresses = map[netip.Addr]bool{}
	}
	for _, ip := range p.Status.PodIPs {
		c.Facts.PodAddresses[netip.MustParseAddr(ip.IP)] = true
	}
}

func (c *cluster) addOptions(document []byte) error {
	var o options
	if err := yaml.UnmarshalStrict(document, &o); err != nil {
		return err
	}
	for _, name := range o.DNSServices {
		namespace, service, _ := strings.Cut(name, "/")
		c.Options.DNSServices = append(c.Options.DNSServices, types.NamespacedName{Namespace: namespace, Name: service})
	}
	if o.NodeLocalDNS != nil {
		c.Options.NodeLocalDNS = nil
	}
	for _, text := range o.NodeLocalDNS {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return err
		}
		c.Options.NodeLocalDNS = append(c.Options.NodeLocalDNS, addr)
	}
	for text, to := range map[*[]string]*[]netip.Prefix{&o.ClusterCIDRs: &c.Options.ClusterCIDRs, &o.NodeCIDRs: &c.Options.NodeCIDRs} {
		for _, item := range *text {
			prefix, err := netip.ParsePrefix(item)
			if err != nil {
				return err
			}
			*to = append(*to, prefix)
		}
	}
	c.Options.ProtectedNamespaces = append(c.Options.ProtectedNamespaces, o.Protected...)
	c.Options.AllowNAT64 = o.AllowNAT64
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
	for _, ns := range c.Namespaces {
		for _, o := range Compile(c.In(ns)) {
			for _, policy := range o.Policies {
				out.WriteString(toYAML(t, policy) + "---\n")
			}
			result := outcome{Namespace: ns.Name, Profile: o.Profile.Key.String(), Disposition: o.Disposition, Protected: o.Protected, Findings: o.Findings}
			for _, err := range validation.Validate(o.Profile) {
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
