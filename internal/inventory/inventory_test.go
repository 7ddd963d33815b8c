package inventory

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/snapshot"
)

// objects reads YAML documents.
func objects(t *testing.T, text string) []Object {
	t.Helper()
	var out []Object
	for _, document := range strings.Split(text, "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &u.Object); err != nil {
			t.Fatal(err)
		}
		o, err := Decode(u)
		if err != nil || o == nil {
			t.Fatalf("%s: %v", document, err)
		}
		out = append(out, o)
	}
	return out
}

func inventoryOf(t *testing.T, text string) *Inventory {
	t.Helper()
	inv := New()
	inv.Add(objects(t, text)...)
	return inv
}

func clusterOf(inv *Inventory) *snapshot.Cluster {
	return inv.Cluster(snapshot.DefaultOptions("firebreak-system"))
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080, name: http}]}]}`

// running is a pod of the Deployment, and what stands between them.
const running = `apiVersion: v1
kind: Pod
metadata:
  name: web-6d5f-x
  namespace: shop
  labels: {app: web, pod-template-hash: 6d5f, injected: "yes"}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-6d5f, uid: u, controller: true}]
spec: {containers: [{name: web, image: web, ports: [{containerPort: 8080, name: http}]}]}
status: {phase: Running, podIP: 10.0.0.7, podIPs: [{ip: 10.0.0.7}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: web-6d5f
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: u, controller: true}]
spec:
  selector: {matchLabels: {app: web, pod-template-hash: 6d5f}}
  template:
    metadata: {labels: {app: web, pod-template-hash: 6d5f}}
    spec: {containers: [{name: web, image: web}]}`

func TestATemplateStandsForPodsThatDoNotRunYet(t *testing.T) {
	pods := clusterOf(inventoryOf(t, deployment)).Pods
	if len(pods) != 1 {
		t.Fatalf("got %d pods, want 1", len(pods))
	}
	p := pods[0]
	if p.Workload.String() != "Deployment web" || p.Count != 3 || p.Labels["app"] != "web" || p.Name != "" || p.Addresses != nil ||
		!slices.Equal(p.Ports, []snapshot.ContainerPort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: 8080}}) {
		t.Errorf("got %+v", p)
	}
}

func TestRunningPodsSayMoreThanTheTemplateBesideThem(t *testing.T) {
	c := clusterOf(inventoryOf(t, deployment+"\n---\n"+running))
	if len(c.Pods) != 1 || c.Pods[0].Labels["injected"] != "yes" || c.Pods[0].Name != "web-6d5f-x" || c.Pods[0].Count != 1 {
		t.Errorf("got %+v", c.Pods)
	}
	if !c.Facts.PodAddresses[netip.MustParseAddr("10.0.0.7")] {
		t.Error("the address of the pod is not known as one")
	}
}

func TestANewVersionOfAWorkloadTakesThePlaceOfThePodsThatRun(t *testing.T) {
	pods := clusterOf(inventoryOf(t, deployment).Over(inventoryOf(t, running))).Pods
	if len(pods) != 1 || pods[0].Labels["injected"] != "" || pods[0].Count != 3 {
		t.Errorf("got %+v", pods)
	}
	if pods := clusterOf(inventoryOf(t, running).Over(inventoryOf(t, deployment))).Pods; len(pods) != 1 || pods[0].Labels["injected"] != "yes" {
		t.Errorf("pods of a later layer: got %+v", pods)
	}
}

func TestPodsThatAreAlikeAreOneClass(t *testing.T) {
	second := strings.ReplaceAll(strings.ReplaceAll(strings.Split(running, "\n---\n")[0], "web-6d5f-x", "web-6d5f-y"), "10.0.0.7", "10.0.0.3")
	pods := clusterOf(inventoryOf(t, running+"\n---\n"+second)).Pods
	want := []netip.Addr{netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("10.0.0.7")}
	if len(pods) != 1 || pods[0].Count != 2 || pods[0].Name != "" || !slices.Equal(pods[0].Names, []string{"web-6d5f-x", "web-6d5f-y"}) || !slices.Equal(pods[0].Addresses, want) {
		t.Errorf("got %+v", pods)
	}
}

func TestCompletedPodsAreNone(t *testing.T) {
	done := strings.ReplaceAll(running, "phase: Running", "phase: Succeeded")
	for _, p := range clusterOf(inventoryOf(t, done)).Pods {
		if p.Name != "" {
			t.Errorf("got %+v", p)
		}
	}
}

const profile = `apiVersion: firebreak.dev/v1alpha1
kind: SegmentationProfile
metadata: {name: shop, namespace: shop}
spec:
  tiers: [{name: web, podSelector: {matchLabels: {app: web}}}]
  allow:
  - {name: users, from: [{pods: {namespaces: [ingress]}}], to: [{tier: web}], ports: [{port: 80}]}
  - {name: pay, from: [{tier: web}], to: [{remoteTier: {namespace: payments, profile: pay, tier: gateway}}, {service: {name: s, namespace: erp}}]}`

func TestNamespacesThatObjectsAndPeersNameAreKnownByTheirName(t *testing.T) {
	const labelled = "apiVersion: v1\nkind: Namespace\nmetadata: {name: payments, labels: {team: pay, kubernetes.io/metadata.name: forged}}"
	c := clusterOf(inventoryOf(t, profile+"\n---\n"+labelled))
	var names []string
	for _, ns := range c.Namespaces {
		names = append(names, ns.Name)
		if ns.Labels["kubernetes.io/metadata.name"] != ns.Name {
			t.Errorf("namespace %s bears the labels %v", ns.Name, ns.Labels)
		}
	}
	if want := []string{"erp", "ingress", "payments", "shop"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if ns, ok := c.Namespace("payments"); !ok || ns.Labels["team"] != "pay" {
		t.Errorf("got %+v", ns)
	}
}

func TestANewVersionOfAProfileHasItsIdentityAndTheNextGeneration(t *testing.T) {
	there := strings.Replace(profile, "namespace: shop}", "namespace: shop, uid: u-1, generation: 4}", 1)
	changed := strings.Replace(profile, "port: 80}", "port: 81}", 1)
	for name, c := range map[string]struct {
		text       string
		generation int64
	}{"the same": {profile, 4}, "changed": {changed, 5}} {
		got := clusterOf(inventoryOf(t, c.text).Over(inventoryOf(t, there))).Profiles
		if len(got) != 1 || got[0].UID != "u-1" || got[0].Generation != c.generation {
			t.Errorf("%s: got UID %q and generation %d, want %d", name, got[0].UID, got[0].Generation, c.generation)
		}
	}
	if got := clusterOf(inventoryOf(t, profile)).Profiles[0]; got.UID != "" || got.Generation != 1 {
		t.Errorf("a new one: got UID %q and generation %d", got.UID, got.Generation)
	}
}

func TestFieldsOfProfilesAndPoliciesMustBeKnown(t *testing.T) {
	for kind, refused := range map[string]bool{"firebreak.dev/v1alpha1 SegmentationProfile": true, "networking.k8s.io/v1 NetworkPolicy": true, "v1 Service": false} {
		apiVersion, kind, _ := strings.Cut(kind, " ")
		u := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": "a"}, "spec": map[string]any{"egres": []any{}},
		}}
		_, err := Decode(u)
		if (err != nil) != refused {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestKindsThatDoNotMatterArePassedOver(t *testing.T) {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}}}
	if o, err := Decode(u); o != nil || err != nil {
		t.Errorf("got %v, %v", o, err)
	}
}

func TestEveryKindHasATypeOfItsOwn(t *testing.T) {
	for _, s := range samples() {
		o := s.new()
		o.SetName("a")
		if got := KeyOf(o); got.GroupKind != s.kind.GroupKind() {
			t.Errorf("an object of kind %s is taken for %s", s.kind, got)
		}
	}
}
