package cluster

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/snapshot"
)

func storeOf(t *testing.T, list ...*corev1.Pod) *Pods {
	t.Helper()
	pods := NewPods(PodEvents{})
	for _, p := range list {
		if err := pods.Add(sent(p)); err != nil {
			t.Fatal(err)
		}
	}
	return pods
}

func serving(ports ...corev1.ContainerPort) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Ports: ports})
	}
}

func TestThePortsOfAClassAreThoseOfContainersThatStay(t *testing.T) {
	initially := func(policy *corev1.ContainerRestartPolicy, port int32) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			container := corev1.Container{RestartPolicy: policy, Ports: []corev1.ContainerPort{{ContainerPort: port}}}
			p.Spec.InitContainers = append(p.Spec.InitContainers, container)
		}
	}
	for name, c := range map[string]struct {
		change []func(*corev1.Pod)
		want   []snapshot.ContainerPort
	}{
		"none":                        {nil, nil},
		"TCP is the default":          {[]func(*corev1.Pod){serving(corev1.ContainerPort{Name: "http", ContainerPort: 80})}, []snapshot.ContainerPort{{Name: "http", Protocol: "TCP", Port: 80}}},
		"those of several, sorted":    {[]func(*corev1.Pod){serving(corev1.ContainerPort{ContainerPort: 90, Protocol: "UDP"}), serving(corev1.ContainerPort{ContainerPort: 90, Protocol: "TCP"}, corev1.ContainerPort{ContainerPort: 80})}, []snapshot.ContainerPort{{Protocol: "TCP", Port: 80}, {Protocol: "TCP", Port: 90}, {Protocol: "UDP", Port: 90}}},
		"each once":                   {[]func(*corev1.Pod){serving(corev1.ContainerPort{ContainerPort: 80, HostIP: "10.0.0.1"}, corev1.ContainerPort{ContainerPort: 80, HostIP: "10.0.0.2"})}, []snapshot.ContainerPort{{Protocol: "TCP", Port: 80}}},
		"one port by two names":       {[]func(*corev1.Pod){serving(corev1.ContainerPort{Name: "b", ContainerPort: 80}, corev1.ContainerPort{Name: "a", ContainerPort: 80})}, []snapshot.ContainerPort{{Name: "a", Protocol: "TCP", Port: 80}, {Name: "b", Protocol: "TCP", Port: 80}}},
		"a sidecar":                   {[]func(*corev1.Pod){initially(new(corev1.ContainerRestartPolicyAlways), 15001)}, []snapshot.ContainerPort{{Protocol: "TCP", Port: 15001}}},
		"an init container ends":      {[]func(*corev1.Pod){initially(nil, 81), initially(new(corev1.ContainerRestartPolicyNever), 82)}, nil},
		"a sidecar beside the others": {[]func(*corev1.Pod){initially(new(corev1.ContainerRestartPolicyAlways), 90), serving(corev1.ContainerPort{ContainerPort: 80})}, []snapshot.ContainerPort{{Protocol: "TCP", Port: 80}, {Protocol: "TCP", Port: 90}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := pod("a", "web")
			for _, change := range c.change {
				change(p)
			}
			if got := storeOf(t, p).Classes("shop")[0].Ports; !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestTheWorkloadOfAPodIsWhatPeopleMade(t *testing.T) {
	hashed := func(hash, owner string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Labels["pod-template-hash"], p.OwnerReferences = hash, madeBy("ReplicaSet", owner)
		}
	}
	owned := func(owners []metav1.OwnerReference) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.OwnerReferences = owners }
	}
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   string
	}{
		"a Deployment's":                      {hashed("5d8f", "web-5d8f"), "Deployment web"},
		"a Deployment's with hyphens":         {hashed("5d8f", "web-5d8f-5d8f"), "Deployment web-5d8f"},
		"a ReplicaSet that ends otherwise":    {hashed("5d8f", "web-aaaa"), "ReplicaSet web-aaaa"},
		"a ReplicaSet without a hyphen":       {hashed("5d8f", "web5d8f"), "ReplicaSet web5d8f"},
		"a ReplicaSet that nobody hashed":     {owned(madeBy("ReplicaSet", "web-")), "ReplicaSet web-"},
		"a ReplicaSet with an empty hash":     {hashed("", "web-"), "ReplicaSet web-"},
		"another kind with the hash's ending": {func(p *corev1.Pod) { hashed("5d8f", "")(p); p.OwnerReferences = madeBy("Rollout", "web-5d8f") }, "Rollout web-5d8f"},
		"a StatefulSet's":                     {owned(madeBy("StatefulSet", "db")), "StatefulSet db"},
		"a Job's":                             {owned(madeBy("Job", "tidy-29")), "Job tidy-29"},
		"nobody's":                            {owned(nil), "Pod a"},
		"one whose owner is no controller":    {owned([]metav1.OwnerReference{{Kind: "App", Name: "shop"}}), "Pod a"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := storeOf(t, with(pod("a", "web"), c.change)).Classes("shop")[0].Workload.String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestPodsThatDifferInWhatMattersAreOfDifferentClasses(t *testing.T) {
	for name, change := range map[string]func(*corev1.Pod){
		"labels":            func(p *corev1.Pod) { p.Labels["x"] = "" },
		"the host network":  func(p *corev1.Pod) { p.Spec.HostNetwork = true },
		"a port":            serving(corev1.ContainerPort{ContainerPort: 81}),
		"a port's name":     func(p *corev1.Pod) { p.Spec.Containers[0].Ports[0].Name = "web" },
		"a port's protocol": func(p *corev1.Pod) { p.Spec.Containers[0].Ports[0].Protocol = "UDP" },
		"the workload":      func(p *corev1.Pod) { p.OwnerReferences = madeBy("StatefulSet", "other") },
		"its kind":          func(p *corev1.Pod) { p.OwnerReferences = madeBy("DaemonSet", "set") },
	} {
		t.Run(name, func(t *testing.T) {
			web := func(name string) *corev1.Pod {
				return with(pod(name, "web"), serving(corev1.ContainerPort{ContainerPort: 80}))
			}
			pods := storeOf(t, web("a"), with(web("b"), change))
			if got := pods.Classes("shop"); len(got) != 2 || got[0].Count+got[1].Count != 2 {
				t.Errorf("got %v", got)
			}
			if err := pods.Update(sent(web("b"))); err != nil || len(pods.Classes("shop")) != 1 {
				t.Errorf("alike again, and still apart: %v, %v", pods.Classes("shop"), err)
			}
		})
	}
}

func TestTheClassesOfANamespaceHaveTheAddressesOfTheirPods(t *testing.T) {
	at := func(name, app string, ips ...string) *corev1.Pod {
		return with(pod(name, app), func(p *corev1.Pod) {
			for _, ip := range ips {
				p.Status.PodIPs = append(p.Status.PodIPs, corev1.PodIP{IP: ip})
			}
		})
	}
	elsewhere := with(at("x", "web", "10.0.1.1"), func(p *corev1.Pod) { p.Namespace = "other" })
	pods := storeOf(t, at("c", "web", "10.0.0.10", "fd00::1"), at("a", "web", "10.0.0.9"), at("b", "db", "10.0.0.2"), at("d", "web"), elsewhere,
		with(at("h", "web", "192.168.0.1"), func(p *corev1.Pod) { p.Spec.HostNetwork = true }),
		// The successor of a pod may have its address before it is gone.
		at("e", "web", "10.0.0.9"))
	address := netip.MustParseAddr
	set := snapshot.Workload{Kind: "StatefulSet", Name: "set"}
	want := []snapshot.Pod{
		{Namespace: "shop", Name: "b", Labels: map[string]string{"app": "db"}, Workload: set, Count: 1, Addresses: []netip.Addr{address("10.0.0.2")}},
		{Namespace: "shop", Labels: map[string]string{"app": "web"}, Workload: set, Count: 4, Addresses: []netip.Addr{address("10.0.0.9"), address("10.0.0.10"), address("fd00::1")}},
		{Namespace: "shop", Name: "h", Labels: map[string]string{"app": "web"}, Workload: set, Count: 1, HostNetwork: true},
	}
	if got := pods.InNamespace("shop"); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for _, class := range pods.Classes("shop") {
		if class.Addresses != nil || class.Name != "" {
			t.Errorf("handed out with what InNamespace alone gives: %v", class)
		}
	}
	kept := func() []string { return slices.Sorted(maps.Keys(pods.namespaces)) }
	if got := kept(); !slices.Equal(got, []string{"other", "shop"}) {
		t.Errorf("namespaces %q", got)
	}
	if err := pods.Delete(sent(elsewhere)); err != nil || pods.InNamespace("other") != nil || !slices.Equal(kept(), []string{"shop"}) {
		t.Errorf("left of a namespace without pods: %v in %q, %v", pods.InNamespace("other"), kept(), err)
	}
}
