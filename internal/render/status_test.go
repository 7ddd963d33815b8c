package render

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/overview"
	"firebreak.dev/firebreak/internal/snapshot"
)

// statusNow is when the golden inputs are looked at.
var statusNow = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// statusInput is a golden input: objects as the API server has them, whose policies are as the profiles want them.
type statusInput struct {
	overview.Input
}

// readStatus reads the objects of testdata/status-NAME.in.yaml.
func readStatus(t *testing.T, name string) statusInput {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "status-"+name+".in.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	inv := inventory.New()
	decoder := utilyaml.NewYAMLOrJSONDecoder(file, 1<<16)
	for {
		u := &unstructured.Unstructured{}
		err := decoder.Decode(u)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		object, err := inventory.Decode(u)
		if err != nil || object == nil {
			t.Fatalf("%s %s: %v", u.GetKind(), u.GetName(), err)
		}
		inv.Add(object)
	}
	in := statusInput{overview.Input{Inventory: inv, Options: snapshot.DefaultOptions("firebreak-system"), Now: statusNow}}
	in.Operator = overview.OperatorOf(leaseOf("firebreak-0", statusNow.Add(-3*time.Second)), "firebreak-system", statusNow)
	in.settle(t)
	return in
}

// settle adds the policies that the profiles want.
func (in statusInput) settle(t *testing.T) {
	t.Helper()
	settled, err := outlook.Settled(in.Inventory.Cluster(in.Options))
	if err != nil {
		t.Fatal(err)
	}
	for _, ns := range settled.Namespaces {
		for _, policy := range ns.Policies {
			in.Inventory.Add(policy)
		}
	}
}

// policy returns the policy of a tier.
func (in statusInput) policy(t *testing.T, tier string) *networkingv1.NetworkPolicy {
	t.Helper()
	for _, o := range in.Inventory.Objects() {
		if policy, ok := o.(*networkingv1.NetworkPolicy); ok && policy.Labels[v1alpha1.LabelTier] == tier {
			return policy
		}
	}
	t.Fatalf("tier %s has no policy", tier)
	return nil
}

func leaseOf(holder string, renewed time.Time) *coordinationv1.Lease {
	seconds, at := int32(15), metav1.NewMicroTime(renewed)
	return &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: &at, LeaseDurationSeconds: &seconds}}
}

// form is one way to write an overview.
type form struct {
	title string
	write func(t *testing.T, out io.Writer, in statusInput)
}

func table(namespace string, show StatusColumns, style Style) func(*testing.T, io.Writer, statusInput) {
	return func(_ *testing.T, out io.Writer, in statusInput) {
		in.Namespace, show.Now = namespace, in.Now
		Status(out, overview.Of(in.Input), show, style)
	}
}

func details(style Style, names ...string) func(*testing.T, io.Writer, statusInput) {
	return func(_ *testing.T, out io.Writer, in statusInput) {
		for _, name := range names {
			in.Names = append(in.Names, overview.Name{Name: name})
		}
		StatusDetails(out, overview.Of(in.Input), in.Now, style)
	}
}

func document(write func(io.Writer, any) error, namespace string) func(*testing.T, io.Writer, statusInput) {
	return func(t *testing.T, out io.Writer, in statusInput) {
		t.Helper()
		in.Namespace = namespace
		if err := write(out, overview.Of(in.Input)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStatusIsGolden(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, in *statusInput)
		forms  []form
	}{
		"well": {forms: []form{
			{"table of all namespaces", table("", StatusColumns{}, Style{})},
			{"table of a namespace", table("shop", StatusColumns{}, Style{})},
			{"wide", table("shop", StatusColumns{Wide: true}, Style{})},
			{"a narrow terminal", table("", StatusColumns{}, Style{Color: true, Width: 80})},
			{"details", details(Style{}, "web", "baseline")},
			{"JSON", document(JSON, "blog")},
			{"YAML", document(YAML, "blog")},
		}},
		"unwell": {
			change: func(t *testing.T, in *statusInput) {
				t.Helper()
				opened := in.policy(t, "database")
				opened.Spec.Ingress = append(opened.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
			},
			forms: []form{
				{"table of all namespaces", table("", StatusColumns{}, Style{})},
				{"a terminal", table("", StatusColumns{}, Style{Color: true, Width: 100})},
				{"details", details(Style{}, "contested", "invalid", "outdated", "never", "open", "lost", "preview", "many")},
				{"details on a terminal", details(Style{Color: true, Width: 90}, "open", "preview")},
				{"JSON", document(JSON, "open")},
			},
		},
		"operator-gone": {
			change: func(_ *testing.T, in *statusInput) {
				in.Operator = overview.OperatorOf(leaseOf("firebreak-0", statusNow.Add(-12*time.Minute)), "firebreak-system", statusNow)
			},
			forms: []form{
				{"table of a namespace", table("shop", StatusColumns{}, Style{})},
				{"details", details(Style{}, "web")},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := readStatus(t, strings.Replace(name, "operator-gone", "well", 1))
			if c.change != nil {
				c.change(t, &in)
			}
			var got bytes.Buffer
			for _, f := range c.forms {
				fmt.Fprintf(&got, "=== %s\n", f.title)
				f.write(t, &got, in)
			}
			mustBeGolden(t, filepath.Join("testdata", "status-"+name+".golden"), got.Bytes())
		})
	}
}
