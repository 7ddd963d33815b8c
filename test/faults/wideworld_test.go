package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Addresses of the wide world that policies are made from: of a node, of an endpoint outside, and of a pod that a Service
// without a selector names.
const (
	publicNode   = "11.22.33.44"
	legacyServer = "192.0.2.7"
	aPod         = "10.44.0.9"
)

// wideWorld is a cluster in which profiles need everything that the operator reads: Namespaces, Services, EndpointSlices, Nodes, Pods and
// one another.
type wideWorld struct {
	shop, pay  string
	namespaces []string
	profiles   []client.Object
	// whole are the specs of all policies when everything is known, by namespace and name.
	whole  map[string]string
	traces map[string]*trace
	// last are the policies of a namespace after the last write that was looked at.
	last    map[string]policySet
	touched int
}

// newWideWorld makes the world, which ends with the spec or container, and waits until its policies stand.
func newWideWorld(ctx context.Context) *wideWorld {
	GinkgoHelper()
	w := &wideWorld{traces: map[string]*trace{}, last: map[string]policySet{}}
	for _, name := range []string{"wide-shop", "wide-pay", "wide-team-1", "wide-team-2"} {
		w.create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"wide": "yes"}}})
		w.namespaces = append(w.namespaces, name)
		w.traces[name] = record(ctx, name)
	}
	w.shop, w.pay = w.namespaces[0], w.namespaces[1]
	w.createFacts(ctx)
	w.createProfiles(ctx)
	for _, p := range w.profiles {
		Eventually(func() string { return readiness(ctx, p) }).Should(HavePrefix("True/"), p.GetName())
	}
	w.whole = w.state(ctx)
	for _, namespace := range w.namespaces {
		writes := w.traces[namespace].take(ctx)
		w.last[namespace] = writes[len(writes)-1].after
	}
	return w
}

func (w *wideWorld) create(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, obj)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, obj))).To(Succeed()) })
}

func (w *wideWorld) createFacts(ctx context.Context) {
	GinkgoHelper()
	service := func(namespace, name string, selector map[string]string, port corev1.ServicePort) {
		w.create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.ServiceSpec{Selector: selector, Ports: []corev1.ServicePort{port}},
		})
	}
	service(metav1.NamespaceSystem, "kube-dns", map[string]string{"k8s-app": "kube-dns"}, corev1.ServicePort{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP})
	service(w.pay, "payments", map[string]string{"app": "payments"}, corev1.ServicePort{Port: 443, TargetPort: intstr.FromInt32(8443)})
	service(w.shop, "legacy", nil, corev1.ServicePort{Port: 1521})
	port := int32(1521)
	w.create(ctx, &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: w.shop, Name: "legacy", Labels: map[string]string{discoveryv1.LabelServiceName: "legacy"}},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Port: &port}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{legacyServer, aPod}}},
	})
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "wide-node"}}
	w.create(ctx, node)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: publicNode}}
	Expect(k8s.Status().Update(ctx, node)).To(Succeed())
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.pay, Name: "victim"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "c"}}},
	}
	w.create(ctx, pod)
	pod.Status.PodIP, pod.Status.PodIPs = aPod, []corev1.PodIP{{IP: aPod}}
	Expect(k8s.Status().Update(ctx, pod)).To(Succeed())
}

func (w *wideWorld) createProfiles(ctx context.Context) {
	GinkgoHelper()
	profile := func(p client.Object, spec string) {
		text, err := yaml.YAMLToJSON([]byte("spec:" + strings.ReplaceAll(spec, "\n", "\n  ")))
		Expect(err).NotTo(HaveOccurred())
		Expect(json.Unmarshal(text, p)).To(Succeed())
		w.create(ctx, p)
		w.profiles = append(w.profiles, p)
	}
	profile(&v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: w.pay, Name: "pay"}}, `
tiers:
- {name: desk, podSelector: {matchLabels: {app: desk}}, ports: [{port: 8443}]}
deletionPolicy: Retain`)
	profile(&v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: w.shop, Name: "shop"}}, fmt.Sprintf(`
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}
- {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}
allow:
- {name: web-db, from: [{tier: web}], to: [{tier: db}]}
- {name: desk, from: [{tier: web}], to: [{remoteTier: {namespace: %[1]s, profile: pay, tier: desk}}]}
- {name: payments, from: [{tier: web}], to: [{service: {namespace: %[1]s, name: payments}}]}
- {name: legacy, from: [{tier: web}], to: [{service: {name: legacy}}]}
- {name: internet, from: [{tier: web}], to: [{internet: {}}], ports: [{port: 443}]}
- {name: nodes, from: [{nodes: {}}], to: [{tier: web}]}
- {name: api-server, from: [{tier: web}], to: [{kubeAPIServer: {}}]}`, w.pay))
	profile(&v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "wide"}}, `
namespaceSelector: {matchLabels: {wide: "yes"}}
tiers:
- {name: all, podSelector: {}, ports: [{port: 9090}]}
allow:
- {name: metrics, from: [{pods: {namespaces: [ingress]}}], to: [{tier: all}]}`)
}

// state returns the specs of all policies, as JSON, by namespace and name.
func (w *wideWorld) state(ctx context.Context) map[string]string {
	GinkgoHelper()
	out := map[string]string{}
	for _, namespace := range w.namespaces {
		var list networkingv1.NetworkPolicyList
		Expect(k8s.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
		for i := range list.Items {
			text, err := json.Marshal(list.Items[i].Spec)
			Expect(err).NotTo(HaveOccurred())
			out[namespace+"/"+list.Items[i].Name] = string(text)
		}
	}
	return out
}

// expectWhole waits until every policy is as it is when everything is known, and every profile is ready.
func (w *wideWorld) expectWhole(ctx context.Context, operator *mortal) {
	GinkgoHelper()
	Eventually(func() (map[string]string, error) {
		if err := operator.ailing(); err != nil {
			return nil, StopTrying(err.Error())
		}
		return w.state(ctx), nil
	}).Should(Equal(w.whole))
	for _, p := range w.profiles {
		Eventually(func() string { return readiness(ctx, p) }).Should(HavePrefix("True/"), p.GetName())
	}
	for _, namespace := range w.namespaces {
		if writes := w.traces[namespace].take(ctx); len(writes) > 0 {
			w.last[namespace] = writes[len(writes)-1].after
		}
	}
}

// touch makes the operator look at every namespace.
func (w *wideWorld) touch(ctx context.Context) {
	GinkgoHelper()
	w.touched++
	for _, namespace := range w.namespaces {
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata": {"labels": {"touched": "%d"}}}`, w.touched))
		Expect(k8s.Patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, patch)).To(Succeed())
	}
}

// harm takes a policy away in every namespace.
func (w *wideWorld) harm(ctx context.Context) {
	GinkgoHelper()
	harmed := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(w.whole)) {
		namespace, name, _ := strings.Cut(key, "/")
		if !harmed[namespace] {
			Expect(k8s.Delete(ctx, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})).To(Succeed())
			harmed[namespace] = true
		}
	}
}

// expectNothingDeletedOrLoosened looks at what was written in every namespace since it was last looked at, and returns how many
// writes that were. With that view of the world, the operator may deny more and open so much; with an empty one it may do nothing.
func (w *wideWorld) expectNothingDeletedOrLoosened(ctx context.Context, during string, seen view) (writes int) {
	GinkgoHelper()
	for _, namespace := range w.namespaces {
		last := w.last[namespace]
		for _, write := range w.traces[namespace].take(ctx) {
			writes++
			what := fmt.Sprintf("%s: %s in %s", during, write.what, namespace)
			GinkgoWriter.Println(what)
			Expect(write.after).To(HaveLen(len(last)), "%s creates or deletes", what)
			Expect(seen.mayWrite).To(BeTrue(), "%s needs not be", what)
			opened := slices.DeleteFunc(w.opened(namespace, last, write.after), func(connection string) bool {
				return seen.mayOpen != "" && strings.Contains(connection, " to "+seen.mayOpen+" at ")
			})
			Expect(opened).To(BeEmpty(), "%s loosens; %s", what, lastActs())
			last = write.after
		}
		w.last[namespace] = last
	}
	return writes
}

// opened lists the connections that are admitted after, and were not before.
func (w *wideWorld) opened(namespace string, before, after policySet) []string {
	GinkgoHelper()
	var out []string
	was := w.admitted(namespace, before)
	for connection, is := range w.admitted(namespace, after) {
		if is && !was[connection] {
			out = append(out, connection)
		}
	}
	return out
}

// admitted looks at both ends of connections between pods of the namespace and everything that the world's profiles speak of.
func (w *wideWorld) admitted(namespace string, policies policySet) map[string]bool {
	GinkgoHelper()
	world := evaluator.World{Policies: slices.Collect(maps.Values(policies)), Namespaces: []snapshot.Namespace{{Name: "ingress"}, {Name: metav1.NamespaceSystem}}}
	for _, name := range w.namespaces {
		world.Namespaces = append(world.Namespaces, snapshot.Namespace{Name: name, Labels: map[string]string{"wide": "yes"}})
	}
	others := map[string]evaluator.Endpoint{}
	for _, ns := range world.Namespaces {
		for _, app := range []string{"web", "db", "desk", "payments", "other"} {
			others[ns.Name+"/"+app] = evaluator.OfPod(&snapshot.Pod{Namespace: ns.Name, Name: app, Labels: map[string]string{"app": app, "k8s-app": "kube-dns"}})
		}
	}
	for _, address := range []string{publicNode, legacyServer, aPod, "203.0.113.200", "8.8.8.8", "2606:4700::1"} {
		others[address] = evaluator.OfAddress(netip.MustParseAddr(address))
	}
	e, err := evaluator.New(world)
	Expect(err).NotTo(HaveOccurred())
	out := map[string]bool{}
	for _, app := range []string{"web", "db", "desk", "other"} {
		name := namespace + "/" + app
		here := others[name]
		for other, there := range others {
			for _, port := range []int32{443, 1521, 5432, 6443, 8080, 8443, 9090} {
				leaves := e.Evaluate(evaluator.Connection{Source: here, Destination: there, Protocol: corev1.ProtocolTCP, Port: port})
				arrives := e.Evaluate(evaluator.Connection{Source: there, Destination: here, Protocol: corev1.ProtocolTCP, Port: port})
				out[fmt.Sprintf("from %s to %s at %d", name, other, port)] = leaves.Egress.Verdict != evaluator.Denied
				out[fmt.Sprintf("to %s from %s at %d", name, other, port)] = arrives.Ingress.Verdict != evaluator.Denied
			}
		}
	}
	return out
}
