package dataplane_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/dataplane/testbed"
	"firebreak.dev/firebreak/test/random"
)

// topology is a drawn cluster made real: its namespaces, with names of their own, and what is in them. The cluster's DNS, its API
// server and the operator's flags are as they were.
type topology struct {
	// namespaces are the names of the drawn ones.
	namespaces map[string]string
	// pods and outside are the hosts between which connections are tried.
	pods, outside []*testbed.Host
	profiles      []client.Object
	// text is what a reader of a failure needs to know.
	text strings.Builder
}

// realise makes a drawn cluster real until the spec ends, its profiles last, and waits until these are ready. Pods of protected
// namespaces run in the real ones of that name.
func realise(ctx context.Context, drawn random.Cluster) *topology {
	GinkgoHelper()
	t := &topology{namespaces: map[string]string{}}
	for _, ns := range drawn.Namespaces {
		labels := maps.Clone(ns.Labels)
		delete(labels, corev1.LabelMetadataName)
		t.namespaces[ns.Name] = ns.Name
		if len(drawn.Profiles) > 0 && drawn.Options.Protected(ns.Name) {
			relabel(ctx, ns.Name, labels)
		} else {
			t.namespaces[ns.Name] = newNamespace(ctx, ns.Name, labels)
		}
		fmt.Fprintf(&t.text, "namespace %s %v\n", t.namespaces[ns.Name], labels)
	}
	for _, p := range drawn.Pods {
		t.runPod(ctx, p)
	}
	t.addOutside(ctx)
	for _, n := range drawn.Facts.Nodes {
		createNode(ctx, n)
	}
	for _, s := range drawn.Facts.Services {
		if name, ok := t.namespaces[s.Namespace]; ok && name != s.Namespace && t.createService(ctx, s) {
			t.createEndpoints(ctx, drawn.Facts.EndpointSlices, s)
		}
	}
	for _, p := range drawn.Policies {
		policy := renamed(t, p)
		t.describe(policy.Namespace+"/"+policy.Name, policy.Spec)
		create(ctx, policy)
	}
	for _, p := range drawn.Profiles {
		t.createProfile(ctx, p)
	}
	for _, p := range t.profiles {
		expectReady(ctx, p)
	}
	return t
}

// describe adds an object to what a reader of a failure is shown.
func (t *topology) describe(name string, spec any) {
	GinkgoHelper()
	text, err := yaml.Marshal(spec)
	Expect(err).NotTo(HaveOccurred())
	fmt.Fprintf(&t.text, "--- %s\n%s", name, text)
}

// renamed returns an object with the namespaces' real names wherever it names one. Nothing else that is drawn has their names.
func renamed[T any](t *topology, object T) T {
	GinkgoHelper()
	var pairs []string
	for drawn, name := range t.namespaces {
		pairs = append(pairs, `"`+drawn+`"`, `"`+name+`"`)
	}
	text, err := json.Marshal(object)
	Expect(err).NotTo(HaveOccurred())
	var out T
	Expect(json.Unmarshal([]byte(strings.NewReplacer(pairs...).Replace(string(text))), &out)).To(Succeed())
	return out
}

// relabel gives labels to a namespace that is there, until the spec ends.
func relabel(ctx context.Context, name string, labels map[string]string) {
	GinkgoHelper()
	ns := &corev1.Namespace{}
	Expect(cluster.Client.Get(ctx, client.ObjectKey{Name: name}, ns)).To(Succeed())
	before := ns.DeepCopy()
	maps.Copy(ns.Labels, labels)
	Expect(cluster.Client.Patch(ctx, ns, client.MergeFrom(before))).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		after := ns.DeepCopy()
		ns.Labels = before.Labels
		Expect(cluster.Client.Patch(ctx, ns, client.MergeFrom(after))).To(Succeed())
	})
}

// runPod runs a pod with the labels and ports that were drawn. Each port has a container of its own, so that two may have one name.
func (t *topology) runPod(ctx context.Context, drawn snapshot.Pod) {
	GinkgoHelper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespaces[drawn.Namespace], Name: drawn.Name, Labels: drawn.Labels}}
	for i, p := range drawn.Ports {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{
			Name: fmt.Sprint("c", i), Ports: []corev1.ContainerPort{{Name: p.Name, ContainerPort: p.Port, Protocol: p.Protocol}},
		})
	}
	t.pods = append(t.pods, runPodOf(ctx, pod))
	fmt.Fprintf(&t.text, "pod %s/%s %v %v\n", pod.Namespace, pod.Name, drawn.Labels, drawn.Ports)
}

// addOutside adds hosts with addresses that drawn clusters have to do with: of the internet, of ranges and endpoints, of a node, and
// that of the node-local DNS cache.
func (t *topology) addOutside(ctx context.Context) {
	GinkgoHelper()
	for _, h := range []struct {
		name      string
		addresses []string
	}{
		{"internet", []string{"8.8.8.8", "2606:4700::1"}},
		{"endpoint", []string{"192.0.2.7", "fd00::7"}},
		{"private", []string{"10.0.0.1", "2001:db8::1"}},
		{"node", []string{"192.168.0.1", "fd00::1"}},
		{"cache", []string{"169.254.20.10"}},
	} {
		host, err := cluster.Outside(ctx, h.name, h.addresses...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(host.Detach)
		t.outside = append(t.outside, host)
	}
}

func createNode(ctx context.Context, drawn snapshot.Node) {
	GinkgoHelper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: newName("node"), Labels: drawn.Labels}}
	create(ctx, node)
	for _, a := range drawn.Addresses {
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a.String()})
	}
	Expect(cluster.Client.Status().Update(ctx, node)).To(Succeed())
}

// createService creates a Service and says whether there is one now: not all that are drawn are valid.
func (t *topology) createService(ctx context.Context, drawn corev1.Service) bool {
	GinkgoHelper()
	service := drawn.DeepCopy()
	service.Namespace = t.namespaces[drawn.Namespace]
	switch {
	case service.Spec.Type == corev1.ServiceTypeExternalName:
		service.Spec.ExternalName, service.Spec.ClusterIP = "db.example.com", ""
	case service.Spec.ClusterIP != corev1.ClusterIPNone:
		service.Spec.ClusterIP = "" // The API server chooses one.
	}
	err := cluster.Client.Create(ctx, service)
	if apierrors.IsInvalid(err) {
		return false
	}
	Expect(err).NotTo(HaveOccurred())
	t.describe("Service "+service.Namespace+"/"+service.Name, service.Spec)
	return true
}

// createEndpoints creates the EndpointSlices of a Service; real ones are of one family each, and their ports have names.
func (t *topology) createEndpoints(ctx context.Context, drawn []discoveryv1.EndpointSlice, service corev1.Service) {
	GinkgoHelper()
	for _, d := range drawn {
		if d.Namespace != service.Namespace || d.Labels[discoveryv1.LabelServiceName] != service.Name {
			continue
		}
		byType := map[discoveryv1.AddressType][]discoveryv1.Endpoint{}
		for _, e := range d.Endpoints {
			byType[addressType(e.Addresses[0])] = append(byType[addressType(e.Addresses[0])], e)
		}
		for addresses, endpoints := range byType {
			slice := d.DeepCopy()
			slice.Namespace, slice.Name = t.namespaces[d.Namespace], newName(service.Name)
			slice.AddressType, slice.Endpoints = addresses, endpoints
			for i := range slice.Ports {
				slice.Ports[i].Name = new(fmt.Sprint("port", i))
			}
			create(ctx, slice)
			t.describe("EndpointSlice "+slice.Namespace+"/"+slice.Name+" of "+service.Name, []any{slice.Endpoints, slice.Ports})
		}
	}
}

func addressType(address string) discoveryv1.AddressType {
	a, err := netip.ParseAddr(address)
	switch {
	case err != nil:
		return discoveryv1.AddressTypeFQDN
	case a.Is4():
		return discoveryv1.AddressTypeIPv4
	}
	return discoveryv1.AddressTypeIPv6
}

// createProfile creates a profile, which is gone when the spec has ended: one for the whole cluster acts in other specs' namespaces,
// too.
func (t *topology) createProfile(ctx context.Context, drawn snapshot.Profile) {
	GinkgoHelper()
	drawn = renamed(t, drawn)
	drawn.DeletionPolicy = v1alpha1.DeletionPolicyDelete // Nothing is to stay for other specs.
	var profile client.Object
	meta := metav1.ObjectMeta{Namespace: drawn.Key.Namespace, Name: drawn.Key.Name}
	switch drawn.Key.Kind {
	case v1alpha1.KindSegmentationProfile:
		p := &v1alpha1.SegmentationProfile{ObjectMeta: meta}
		p.Spec.ProfileSettings = drawn.ProfileSettings
		for _, tier := range drawn.Tiers {
			p.Spec.Tiers = append(p.Spec.Tiers, tier.Tier)
		}
		t.describe(drawn.Key.String(), p.Spec)
		profile = p
	case v1alpha1.KindClusterSegmentationProfile:
		p := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: meta}
		p.Spec.ProfileSettings, p.Spec.NamespaceSelector, p.Spec.Tiers = drawn.ProfileSettings, drawn.NamespaceSelector, drawn.Tiers
		t.describe(drawn.Key.String(), p.Spec)
		profile = p
	}
	DeferCleanup(func(ctx SpecContext) {
		Eventually(func() bool {
			return apierrors.IsNotFound(cluster.Client.Get(ctx, client.ObjectKeyFromObject(profile), profile))
		}).Should(BeTrue(), "%s is gone", drawn.Key)
	})
	create(ctx, profile)
	t.profiles = append(t.profiles, profile)
}
