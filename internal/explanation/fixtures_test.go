package explanation

import (
	"cmp"
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
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

// fixture is a cluster of which tests speak in YAML and in lines.
type fixture struct {
	t       testing.TB
	cluster snapshot.Cluster
	// asIs: the policies are those of the cluster, not those that are to be.
	asIs bool
}

// given reads documents, divided by ---: profiles, NetworkPolicies and Services.
func given(t testing.TB, documents string) *fixture {
	t.Helper()
	f := &fixture{t: t}
	f.cluster.Options = snapshot.DefaultOptions("firebreak-system")
	for i, text := range strings.Split(documents, "\n---\n") {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(text), &meta); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		switch meta.Kind {
		case "SegmentationProfile":
			p := read[v1alpha1.SegmentationProfile](t, text)
			p.UID, p.Generation = types.UID(fmt.Sprint("uid", i)), 1
			f.profile(snapshot.FromSegmentationProfile(p))
		case "ClusterSegmentationProfile":
			p := read[v1alpha1.ClusterSegmentationProfile](t, text)
			p.UID, p.Generation = types.UID(fmt.Sprint("uid", i)), 1
			f.profile(snapshot.FromClusterSegmentationProfile(p))
		case "NetworkPolicy":
			p := read[networkingv1.NetworkPolicy](t, text)
			f.cluster.Policies = append(f.cluster.Policies, p)
			f.also(p.Namespace)
		case "Service":
			s := read[corev1.Service](t, text)
			f.cluster.Facts.Services = append(f.cluster.Facts.Services, *s)
			f.also(s.Namespace)
		}
	}
	return f
}

func (f *fixture) profile(p snapshot.Profile) {
	f.t.Helper()
	if errs := validation.Validate(p); len(errs) > 0 {
		f.t.Fatalf("%s: %v", p.Key, errs)
	}
	f.cluster.Profiles = append(f.cluster.Profiles, p)
	slices.SortFunc(f.cluster.Profiles, snapshot.Profile.Compare)
	if p.Key.Namespace != "" {
		f.also(p.Key.Namespace)
	}
}

func read[T any](t testing.TB, text string) *T {
	t.Helper()
	out := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), out); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return out
}

// also adds namespaces.
func (f *fixture) also(names ...string) *fixture {
	for _, name := range names {
		if _, ok := f.cluster.Namespace(name); !ok {
			f.cluster.Namespaces = append(f.cluster.Namespaces, snapshot.Namespace{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}})
		}
	}
	return f
}

// running adds pods: "shop/web app=web 8080", with the workload's name, labels and ports, which may be "name:8080"; "host" is the host
// network, "done" a pod that has ended, "x3" three alike.
func (f *fixture) running(lines ...string) *fixture {
	f.t.Helper()
	for _, line := range lines {
		words := strings.Fields(line)
		namespace, name, _ := strings.Cut(words[0], "/")
		pod := snapshot.Pod{Namespace: namespace, Labels: map[string]string{}, Workload: snapshot.Workload{Kind: "Deployment", Name: name}, Count: 1}
		pod.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(len(f.cluster.Pods) + 1)})}
		for _, word := range words[1:] {
			f.describe(&pod, word)
		}
		f.cluster.Pods = append(f.cluster.Pods, pod)
		f.also(namespace)
	}
	return f
}

func (f *fixture) describe(pod *snapshot.Pod, word string) {
	f.t.Helper()
	key, value, isLabel := strings.Cut(word, "=")
	switch {
	case isLabel:
		pod.Labels[key] = value
		return
	case word == "host":
		pod.HostNetwork, pod.Addresses = true, nil
		return
	case word == "done":
		pod.Completed = true
		return
	case strings.HasPrefix(word, "x"):
		if _, err := fmt.Sscan(word[1:], &pod.Count); err != nil {
			f.t.Fatal(err)
		}
		return
	}
	port := snapshot.ContainerPort{Protocol: corev1.ProtocolTCP}
	if name, number, named := strings.Cut(word, ":"); named {
		port.Name, word = name, number
	}
	if _, err := fmt.Sscan(word, &port.Port); err != nil {
		f.t.Fatalf("%s: %v", word, err)
	}
	pod.Ports = append(pod.Ports, port)
}

func (f *fixture) world() World {
	f.t.Helper()
	look := outlook.Settled
	if f.asIs {
		look = outlook.AsIs
	}
	found, err := look(&f.cluster)
	if err != nil {
		f.t.Fatal(err)
	}
	return World{Outlook: found, Settled: !f.asIs}
}

// explain asks in namespace shop.
func (f *fixture) explain(source, destination string) Explanation {
	f.t.Helper()
	question, err := Ask(source, destination, "shop")
	if err != nil {
		f.t.Fatal(err)
	}
	out, err := Explain(f.world(), question)
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

// follow adds a line where it is to go.
func (f *fixture) follow(r Remedy) {
	f.t.Helper()
	switch r.Kind {
	case RemedyAllow:
		entry := read[v1alpha1.AllowEntry](f.t, r.Line)
		defaultPorts(entry.Ports)
		p := f.find(r.Profile.key())
		p.Allow = append(slices.Clone(p.Allow), *entry)
		f.mustBeValid(*p, r.Line)
	case RemedyTier:
		tier := read[v1alpha1.ClusterTier](f.t, r.Line)
		defaultPorts(tier.Ports)
		p := f.find(r.Profile.key())
		if !slices.ContainsFunc(p.Tiers, func(t v1alpha1.ClusterTier) bool { return t.Name == tier.Name }) {
			p.Tiers = append(slices.Clone(p.Tiers), *tier)
		}
		f.mustBeValid(*p, r.Line)
	case RemedyRule:
		i := slices.IndexFunc(f.cluster.Policies, func(p *networkingv1.NetworkPolicy) bool { return p.Namespace+"/"+p.Name == r.Policy })
		p := f.cluster.Policies[i].DeepCopy()
		f.cluster.Policies[i] = p
		if r.Direction == networkpolicy.Ingress {
			p.Spec.Ingress = append(p.Spec.Ingress, *read[networkingv1.NetworkPolicyIngressRule](f.t, r.Line))
		} else {
			p.Spec.Egress = append(p.Spec.Egress, *read[networkingv1.NetworkPolicyEgressRule](f.t, r.Line))
		}
	case RemedyAdvice:
		f.t.Fatalf("%s is no line", r.Note)
	}
}

func (f *fixture) mustBeValid(p snapshot.Profile, line string) {
	f.t.Helper()
	if errs := validation.Validate(p); len(errs) > 0 {
		f.t.Fatalf("%s\nis refused: %v", line, errs)
	}
}

// defaultPorts does as the schema does.
func defaultPorts(ports []v1alpha1.Port) {
	for i := range ports {
		ports[i].Protocol = cmp.Or(ports[i].Protocol, corev1.ProtocolTCP)
	}
}

// find returns the profile of a key, to be changed.
func (f *fixture) find(key snapshot.ProfileKey) *snapshot.Profile {
	f.t.Helper()
	i := slices.IndexFunc(f.cluster.Profiles, func(p snapshot.Profile) bool { return p.Key == key })
	if i < 0 {
		f.t.Fatalf("there is no %s", key)
	}
	return &f.cluster.Profiles[i]
}
