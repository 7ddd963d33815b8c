package topology

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/snapshot"
)

// given reads documents, divided by ---: profiles and NetworkPolicies. Their namespaces are in the cluster, and those that are added.
func given(t *testing.T, documents string, namespaces ...snapshot.Namespace) *snapshot.Cluster {
	t.Helper()
	c := &snapshot.Cluster{Options: snapshot.DefaultOptions("firebreak-system"), Namespaces: namespaces}
	for text := range strings.SplitSeq(documents, "\n---\n") {
		var meta struct {
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
		}
		mustRead(t, text, &meta, yaml.Unmarshal)
		strict := func(y []byte, o any, opts ...yaml.JSONOpt) error { return yaml.UnmarshalStrict(y, o, opts...) }
		switch meta.Kind {
		case "SegmentationProfile":
			p := &v1alpha1.SegmentationProfile{}
			mustRead(t, text, p, strict)
			c.Profiles = append(c.Profiles, snapshot.FromSegmentationProfile(p))
		case "ClusterSegmentationProfile":
			p := &v1alpha1.ClusterSegmentationProfile{}
			mustRead(t, text, p, strict)
			profile := snapshot.FromClusterSegmentationProfile(p)
			c.Profiles = append(c.Profiles, profile)
		case "NetworkPolicy":
			p := &networkingv1.NetworkPolicy{}
			mustRead(t, text, p, strict)
			c.Policies = append(c.Policies, p)
		default:
			t.Fatalf("unknown kind %q in\n%s", meta.Kind, text)
		}
		known := func(ns snapshot.Namespace) bool { return ns.Name == meta.Namespace }
		if meta.Namespace != "" && !slices.ContainsFunc(c.Namespaces, known) {
			c.Namespaces = append(c.Namespaces, namespace(meta.Namespace))
		}
	}
	return c
}

func mustRead(t *testing.T, text string, into any, read func([]byte, any, ...yaml.JSONOpt) error) {
	t.Helper()
	if err := read([]byte(text), into); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}

// namespace returns a namespace with labels, each "key=value".
func namespace(name string, labels ...string) snapshot.Namespace {
	ns := snapshot.Namespace{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		ns.Labels[key] = value
	}
	return ns
}

// draw returns the picture of all profiles of a cluster in which the operator has done its work.
func draw(t *testing.T, c *snapshot.Cluster) *Graph { return drawWith(t, c, Input{}) }

// drawPartly is draw for a cluster of which only a part is known.
func drawPartly(t *testing.T, c *snapshot.Cluster) *Graph {
	return drawWith(t, c, Input{Partial: true})
}

func drawWith(t *testing.T, c *snapshot.Cluster, in Input) *Graph {
	t.Helper()
	settled, err := outlook.Settled(c)
	if err != nil {
		t.Fatal(err)
	}
	in.Outlook, in.Profiles = settled, c.Profiles
	g, err := Of(in)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// lines returns the arrows but those to DNS, in their order: "tier web -> tier api: 8080 by calls (Open) half open".
func lines(g *Graph) []string {
	var out []string
	for _, a := range g.Arrows {
		if a.Kind == ArrowDNS {
			continue
		}
		var by, marks []string
		for _, e := range a.Entries {
			by = append(by, e.Name)
		}
		for _, f := range a.Findings {
			marks = append(marks, " "+f.Note())
		}
		out = append(out, fmt.Sprintf("%s -> %s: %s by %s (%s)%s", boxNamed(g, a.From), boxNamed(g, a.To), strings.Join(a.Ports, " "),
			strings.Join(by, " "), a.State, strings.Join(marks, "")))
	}
	return out
}

func boxNamed(g *Graph, id string) Box {
	i := slices.IndexFunc(g.Boxes, func(b Box) bool { return b.ID == id })
	if i < 0 {
		return Box{Name: "nothing: " + id}
	}
	return g.Boxes[i]
}

func mustDraw(t *testing.T, g *Graph, want ...string) {
	t.Helper()
	if got := lines(g); !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
