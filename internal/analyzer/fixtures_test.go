package analyzer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
)

// fixture is a cluster of which tests speak in YAML and in lines.
type fixture struct {
	t        testing.TB
	profiles []snapshot.Profile
	policies []*networkingv1.NetworkPolicy
	pods     []snapshot.Pod
	names    []string
}

// given reads documents: profiles and NetworkPolicies, divided by ---.
func given(t testing.TB, documents string) *fixture {
	t.Helper()
	f := &fixture{t: t, names: []string{"kube-system"}}
	for i, text := range strings.Split(documents, "\n---\n") {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(text), &meta); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		switch meta.Kind {
		case "SegmentationProfile":
			p := &v1alpha1.SegmentationProfile{}
			f.read(text, p)
			p.UID, p.Generation = types.UID(fmt.Sprint("uid", i)), 1
			f.profiles = append(f.profiles, snapshot.FromSegmentationProfile(p))
		case "ClusterSegmentationProfile":
			p := &v1alpha1.ClusterSegmentationProfile{}
			f.read(text, p)
			p.UID, p.Generation = types.UID(fmt.Sprint("uid", i)), 1
			f.profiles = append(f.profiles, snapshot.FromClusterSegmentationProfile(p))
		case "NetworkPolicy":
			p := &networkingv1.NetworkPolicy{}
			f.read(text, p)
			f.policies = append(f.policies, p)
		}
	}
	slices.SortFunc(f.profiles, snapshot.Profile.Compare)
	return f
}

func (f *fixture) read(text string, into any) {
	f.t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		f.t.Fatalf("%v in\n%s", err, text)
	}
}

// running adds pods: "shop/web app=web 8080", with the workload's name, labels and ports, which may be "name:8080".
func (f *fixture) running(lines ...string) *fixture {
	f.t.Helper()
	for _, line := range lines {
		words := strings.Fields(line)
		namespace, name, _ := strings.Cut(words[0], "/")
		pod := snapshot.Pod{Namespace: namespace, Labels: map[string]string{}, Workload: snapshot.Workload{Kind: "Deployment", Name: name}, Count: 1}
		pod.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(len(f.pods) + 1)})}
		for _, word := range words[1:] {
			key, value, isLabel := strings.Cut(word, "=")
			if isLabel {
				pod.Labels[key] = value
				continue
			}
			if word == "host" {
				pod.HostNetwork = true
				continue
			}
			port := snapshot.ContainerPort{Protocol: corev1.ProtocolTCP}
			if name, number, named := strings.Cut(word, ":"); named {
				port.Name, word = name, number
			}
			if _, err := fmt.Sscan(word, &port.Port); err != nil {
				f.t.Fatalf("%s: %v", line, err)
			}
			pod.Ports = append(pod.Ports, port)
		}
		f.pods = append(f.pods, pod)
		if !slices.Contains(f.names, namespace) {
			f.names = append(f.names, namespace)
		}
	}
	return f
}

// also adds namespaces without pods.
func (f *fixture) also(namespaces ...string) *fixture {
	f.names = append(f.names, namespaces...)
	return f
}

func (f *fixture) namespace(name string) snapshot.Namespace {
	return snapshot.Namespace{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name, "team": name[:1]}}
}

// outputs compiles the profiles for a namespace.
func (f *fixture) outputs(namespace string) []compiler.Output {
	var there []snapshot.Profile
	for _, p := range f.profiles {
		if p.Key.Namespace == "" || p.Key.Namespace == namespace {
			there = append(there, p)
		}
	}
	return compiler.Compile(snapshot.Snapshot{
		Namespace: f.namespace(namespace), Profiles: there, Options: snapshot.DefaultOptions("firebreak-system"),
		Facts: snapshot.Facts{RemoteProfiles: f.profiles},
	})
}

// place is a namespace with its own policies and those that enforcing profiles have written.
func (f *fixture) place(name string) *Place {
	f.t.Helper()
	var policies []*networkingv1.NetworkPolicy
	for _, p := range f.policies {
		if p.Namespace == name {
			policies = append(policies, p)
		}
	}
	for _, o := range f.outputs(name) {
		if o.Disposition == compiler.Enforce {
			for i := range o.Policies {
				policies = append(policies, &o.Policies[i])
			}
		}
	}
	var pods []snapshot.Pod
	for _, p := range f.pods {
		if p.Namespace == name {
			pods = append(pods, p)
		}
	}
	place, err := NewPlace(f.namespace(name), policies, pods)
	if err != nil {
		f.t.Fatal(err)
	}
	return place
}

// judged returns the judgement of one profile in a namespace.
func (f *fixture) judged(namespace, profile string) Judgement {
	f.t.Helper()
	var others []*Place
	for _, name := range f.names {
		if name != namespace {
			others = append(others, f.place(name))
		}
	}
	list, err := Analyze(f.outputs(namespace), f.place(namespace), others)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, j := range list {
		if j.Profile.Name == profile {
			return j
		}
	}
	f.t.Fatalf("no judgement of %s in %s: %+v", profile, namespace, list)
	return Judgement{}
}

// said are the messages of the findings of one code, with their places.
func said(j Judgement, code v1alpha1.FindingCode) []string {
	var out []string
	for _, f := range j.Findings {
		if f.Code == code {
			out = append(out, f.Place+": "+f.Message)
		}
	}
	return out
}

func mustEqual(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// portOrAny returns some port where a pod declares none.
func portOrAny(declared []snapshot.ContainerPort) []snapshot.ContainerPort {
	if len(declared) > 0 {
		return nil
	}
	return []snapshot.ContainerPort{{Protocol: corev1.ProtocolTCP, Port: 4242}}
}
