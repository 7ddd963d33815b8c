package starter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/flowlog"
	"firebreak.dev/firebreak/internal/snapshot"
)

// pods returns a workload's only pod in a namespace, with labels such as "app=web".
func pods(namespace, workload string, labels ...string) snapshot.Pod {
	kind, name, _ := strings.Cut(workload, " ")
	pod := snapshot.Pod{Namespace: namespace, Name: name + "-0", Workload: snapshot.Workload{Kind: kind, Name: name}, Labels: map[string]string{}, Count: 1}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		pod.Labels[key] = value
	}
	return pod
}

// shop is a cluster with the usual DNS and these pods.
func shop(all ...snapshot.Pod) *snapshot.Cluster {
	dns := service("kube-system", "kube-dns", "10.96.0.10", map[string]string{"k8s-app": "kube-dns"}, 53, intstr.FromInt32(5353), corev1.ProtocolUDP)
	return &snapshot.Cluster{Pods: all, Options: snapshot.DefaultOptions("firebreak-system"), Facts: snapshot.Facts{Services: []corev1.Service{dns}}}
}

// propose proposes a profile for namespace shop; nil flows are none that were looked for.
func propose(t *testing.T, c *snapshot.Cluster, flows []flowlog.Flow) *Proposal {
	t.Helper()
	in := Input{Namespace: "shop", Name: "shop", Cluster: c}
	if flows != nil {
		in.Observed = &flowlog.Log{Flows: flows}
	}
	p, err := Propose(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// flow returns a connection to a TCP port that passed once. Ends are "namespace/pod", "pod" or an address.
func flow(from, to string, port int32) flowlog.Flow {
	f := flowlog.Flow{Port: port, Protocol: corev1.ProtocolTCP, Outcome: flowlog.Passed, Times: 1}
	for text, end := range map[string]*flowlog.End{from: &f.Source, to: &f.Destination} {
		if addr, err := netip.ParseAddr(text); err == nil {
			end.Address = addr
			continue
		}
		if namespace, pod, both := strings.Cut(text, "/"); both {
			end.Namespace, end.Pod = namespace, pod
			continue
		}
		end.Pod = text
	}
	return f
}

func with(f flowlog.Flow, change func(*flowlog.Flow)) flowlog.Flow {
	change(&f)
	return f
}

func denied(f *flowlog.Flow)  { f.Outcome = flowlog.Denied }
func left(f *flowlog.Flow)    { f.Outcome = flowlog.Left }
func overUDP(f *flowlog.Flow) { f.Protocol = corev1.ProtocolUDP }

// inLines returns entries, each in one line.
func inLines(t *testing.T, entries []v1alpha1.AllowEntry) string {
	t.Helper()
	var out []string
	for _, entry := range entries {
		text, err := yaml.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		json, err := yaml.YAMLToJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.NewReplacer(`"`, "").Replace(string(json)))
	}
	return strings.Join(out, "\n")
}

func TestTiersAreNamedAndChosenByTheLabelsThatPeopleUse(t *testing.T) {
	for name, c := range map[string]struct {
		pods []snapshot.Pod
		want string
	}{
		"by component, where that tells": {
			[]snapshot.Pod{
				pods("shop", "Deployment a", "app.kubernetes.io/name=shop", "app.kubernetes.io/component=web", "a=1"),
				pods("shop", "Deployment b", "app.kubernetes.io/name=shop", "app.kubernetes.io/component=api"),
			},
			"web app.kubernetes.io/component=web; api app.kubernetes.io/component=api",
		},
		"by several labels, where one does not": {
			[]snapshot.Pod{
				pods("shop", "Deployment a", "app=shop", "tier=web"), pods("shop", "Deployment b", "app=shop", "tier=db"), pods("shop", "Deployment c", "app=blog", "tier=db"),
			},
			"web tier=web; shop app=shop,tier=db; blog app=blog",
		},
		"by others, where the usual ones do not": {
			[]snapshot.Pod{pods("shop", "Deployment a", "app=shop", "example.com/part=1"), pods("shop", "Deployment b", "app=shop", "example.com/part=2")},
			"a example.com/part=1; b example.com/part=2",
		},
		"without those that others have more": {
			[]snapshot.Pod{pods("shop", "Deployment a", "app=shop"), pods("shop", "Deployment b", "app=shop", "canvas=1")},
			"shop app=shop,!canvas; b canvas=1",
		},
		"versions together": {
			[]snapshot.Pod{
				pods("shop", "Deployment a", "app=shop", "version=1", "pod-template-hash=x"), pods("shop", "Deployment b", "app=shop", "version=2"),
				pods("shop", "Job c-1", "app=c", "job-name=c-1", "batch.kubernetes.io/job-name=c-1"), pods("shop", "Job c-2", "app=c", "job-name=c-2"),
			},
			"shop app=shop; c app=c",
		},
		"none for pods that nothing tells from others": {
			[]snapshot.Pod{pods("shop", "Deployment a"), pods("shop", "Deployment b", "app=b"), pods("shop", "Deployment c", "not a key=1")},
			"b app=b",
		},
		"not by labels that some of their own pods have": {
			[]snapshot.Pod{
				pods("shop", "Deployment a", "app=shop"), pods("shop", "Deployment a", "app=shop", "canvas=1"),
				pods("shop", "Deployment b", "app=shop", "canvas=1"), pods("shop", "Deployment c", "app=c"),
			},
			"c app=c",
		},
		"of values that are no names": {
			[]snapshot.Pod{pods("shop", "Deployment a", "app=Default-Deny"), pods("shop", "Deployment b", "app=A_b"), pods("shop", "Deployment c", "app=a.b")},
			"default-deny-2 app=Default-Deny; a-b app=A_b; a-b-2 app=a.b",
		},
	} {
		var got []string
		for _, tier := range propose(t, shop(c.pods...), nil).Profile.Spec.Tiers {
			var labels []string
			for key, value := range tier.PodSelector.MatchLabels {
				labels = append(labels, key+"="+string(value))
			}
			for _, e := range tier.PodSelector.MatchExpressions {
				labels = append(labels, "!"+e.Key)
			}
			slices.SortFunc(labels, func(a, b string) int { return strings.Compare(strings.Trim(a, "!"), strings.Trim(b, "!")) })
			got = append(got, tier.Name+" "+strings.Join(labels, ","))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, "; "), c.want)
		}
	}
}

func TestPortsAreThoseOfServicesOrElseOfContainers(t *testing.T) {
	web, other := pods("shop", "Deployment web", "app=web"), pods("shop", "Deployment other", "app=other")
	web.Ports = []snapshot.ContainerPort{{Name: "http", Port: 8080, Protocol: corev1.ProtocolTCP}, {Port: 9090, Protocol: corev1.ProtocolUDP}}
	canary := web
	canary.Ports = []snapshot.ContainerPort{{Name: "http", Port: 8081, Protocol: corev1.ProtocolTCP}}
	for name, c := range map[string]struct {
		pods     []snapshot.Pod
		services []corev1.Service
		want     string
	}{
		"containers": {[]snapshot.Pod{web}, nil, "8080, UDP 9090"},
		"a Service to a name that all pods give to the same number": {
			[]snapshot.Pod{web}, []corev1.Service{service("shop", "web", "", map[string]string{"app": "web"}, 80, intstr.FromString("http"), "")}, "8080",
		},
		"a Service to a name that pods give to different numbers": {
			[]snapshot.Pod{web, canary}, []corev1.Service{service("shop", "web", "", map[string]string{"app": "web"}, 80, intstr.FromString("http"), "")}, "http",
		},
		"a Service that says no target": {
			[]snapshot.Pod{web}, []corev1.Service{service("shop", "web", "", map[string]string{"app": "web"}, 80, intstr.IntOrString{}, "UDP")}, "UDP 80",
		},
		"Services of others": {
			[]snapshot.Pod{web, other}, []corev1.Service{
				service("shop", "other", "", map[string]string{"app": "other"}, 80, intstr.IntOrString{}, ""),
				service("blog", "web", "", map[string]string{"app": "web"}, 81, intstr.IntOrString{}, ""), service("shop", "all", "", nil, 82, intstr.IntOrString{}, ""),
			}, "8080, UDP 9090",
		},
		"none": {[]snapshot.Pod{pods("shop", "Deployment web", "app=web")}, nil, ""},
	} {
		cluster := shop(c.pods...)
		cluster.Facts.Services = append(cluster.Facts.Services, c.services...)
		tiers := propose(t, cluster, nil).Profile.Spec.Tiers
		i := slices.IndexFunc(tiers, func(tier v1alpha1.Tier) bool { return tier.Name == "web" })
		if got := portsInWords(tiers[i].Ports); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// application is tiers web and db, a Job, and Prometheus elsewhere.
func application() *snapshot.Cluster {
	web, db := pods("shop", "Deployment web", "app=web"), pods("shop", "StatefulSet db", "app=db")
	web.Addresses, db.Ports = []netip.Addr{netip.MustParseAddr("10.1.0.1")}, []snapshot.ContainerPort{{Port: 5432, Protocol: corev1.ProtocolTCP}}
	onHost := pods("shop", "DaemonSet agent", "app=agent")
	onHost.HostNetwork = true
	c := shop(web, db, onHost, pods("shop", "Deployment one"), pods("monitoring", "Deployment prometheus", "app=prometheus"),
		pods("monitoring", "Deployment grafana", "app=grafana"), pods("kube-system", "Deployment coredns", "k8s-app=kube-dns"))
	c.Facts.Nodes = []snapshot.Node{{Name: "node", Addresses: []netip.Addr{netip.MustParseAddr("192.168.0.1")}}}
	c.Facts.ClusterRanges = []netip.Prefix{netip.MustParsePrefix("203.0.113.128/25")}
	c.Facts.Services = append(c.Facts.Services,
		service("shop", "db", "10.96.1.1", map[string]string{"app": "db"}, 54, intstr.FromInt32(5432), ""),
		service("shop", "nobody", "10.96.1.2", nil, 80, intstr.FromInt32(80), ""),
		service("elsewhere", "queue", "10.96.1.3", map[string]string{"app": "queue"}, 5672, intstr.FromString("amqp"), ""),
		service("default", "kubernetes", "10.96.0.1", nil, 443, intstr.FromInt32(6443), ""))
	return c
}

func TestThereIsAnEntryForWhatWasSeenAndNoMore(t *testing.T) {
	for name, c := range map[string]struct {
		flows  []flowlog.Flow
		want   string
		passed string
	}{
		"all ports of a tier": {[]flowlog.Flow{flow("web-0", "db-0", 5432)}, "{from:[{tier:web}],name:web-to-db,to:[{tier:db}]}", ""},
		"another port":        {[]flowlog.Flow{flow("web-0", "db-0", 5433)}, "{from:[{tier:web}],name:web-to-db,ports:[{port:5433,protocol:TCP}],to:[{tier:db}]}", ""},
		"by address":          {[]flowlog.Flow{flow("10.1.0.1", "db-0", 5432)}, "{from:[{tier:web}],name:web-to-db,to:[{tier:db}]}", ""},
		"by Service":          {[]flowlog.Flow{flow("web-0", "10.96.1.1", 54)}, "{from:[{tier:web}],name:web-to-db,to:[{tier:db}]}", ""},
		"a Service of which no pod is known": {
			[]flowlog.Flow{flow("web-0", "10.96.1.3", 5672)},
			"{from:[{tier:web}],name:web-to-elsewhere-queue,ports:[{port:amqp,protocol:TCP}],to:[{service:{name:queue,namespace:elsewhere}}]}", "",
		},
		"pods of another namespace": {
			[]flowlog.Flow{flow("monitoring/prometheus-0", "web-0", 9090)},
			"{from:[{pods:{namespaces:[monitoring],podSelector:{matchLabels:{app:prometheus}}}}],name:monitoring-prometheus-to-web,ports:[{port:9090,protocol:TCP}],to:[{tier:web}]}", "",
		},
		"the API server": {
			[]flowlog.Flow{flow("web-0", "10.96.0.1", 443)}, "{from:[{tier:web}],name:web-to-kube-apiserver,to:[{kubeAPIServer:{}}]}", "",
		},
		"addresses of the same ports together": {
			[]flowlog.Flow{flow("web-0", "203.0.113.9", 443), flow("web-0", "203.0.113.8", 443), flow("web-0", "203.0.113.1", 80)},
			"{from:[{tier:web}],name:web-to-203-0-113-1,ports:[{port:80,protocol:TCP}],to:[{ipBlocks:{cidrs:[203.0.113.1/32]}}]}\n" +
				"{from:[{tier:web}],name:web-to-outside,ports:[{port:443,protocol:TCP}],to:[{ipBlocks:{cidrs:[203.0.113.8/31]}}]}", "",
		},
		"not what was dropped": {
			[]flowlog.Flow{with(flow("web-0", "db-0", 5432), denied), with(flow("web-0", "db-0", 5432), left)}, "",
			"Connections that were dropped, seen once: web → db 5432.",
		},
		"what was dropped at times": {
			[]flowlog.Flow{with(flow("web-0", "db-0", 5432), denied), flow("web-0", "db-0", 5432)}, "{from:[{tier:web}],name:web-to-db,to:[{tier:db}]}",
			"Connections that were dropped, seen once: web → db 5432.",
		},
		"what left, and of which no more is known": {
			[]flowlog.Flow{with(flow("web-0", "db-0", 5432), left)}, "{from:[{tier:web}],name:web-to-db,to:[{tier:db}]}", "",
		},
		"a pod that is gone, by its name": {
			[]flowlog.Flow{flow("web-6d5f8c7b9d-x2kqz", "db-7", 5432)}, "{from:[{tier:web}],name:web-to-db,to:[{tier:db}]}", "",
		},
		"not a pod of a workload of nearly that name": {
			[]flowlog.Flow{flow("web-admin-x2kqz", "db-0", 5432)}, "", "Connections from or to pods that are not known here, seen once: shop/web-admin-x2kqz.",
		},
		"not a pod of other labels": {
			[]flowlog.Flow{with(flow("web-6d5f8c7b9d-x2kqz", "db-0", 5432), func(f *flowlog.Flow) { f.Source.Labels = map[string]string{"app": "other"} })}, "",
			"Connections from or to pods that are not known here, seen once: shop/web-6d5f8c7b9d-x2kqz.",
		},
		"not pods in no tier": {
			[]flowlog.Flow{flow("one-0", "db-0", 5432)}, "", "Connections from or to pods that are in no tier, seen once: Deployment one.",
		},
		"not elsewhere": {
			[]flowlog.Flow{flow("monitoring/grafana-0", "monitoring/prometheus-0", 9090)}, "", "Connections that neither begin nor end in namespace shop, seen once.",
		},
		"not DNS": {
			[]flowlog.Flow{
				with(flow("web-0", "10.96.0.10", 53), overUDP), with(flow("web-0", "kube-system/coredns-0", 5353), overUDP),
				flow("web-0", "169.254.20.10", 53), flow("web-0", "kube-system/gone", 53),
			}, "", "Connections to the cluster's DNS, which dns: Cluster allows, seen 4 times.",
		},
		"other ports of who serves DNS": {
			[]flowlog.Flow{flow("web-0", "kube-system/coredns-0", 9153)},
			"{from:[{tier:web}],name:web-to-kube-system-kube-dns,ports:[{port:9153,protocol:TCP}],to:[{pods:{namespaces:[kube-system],podSelector:{matchLabels:{k8s-app:kube-dns}}}}]}", "",
		},
		"not addresses of no machine": {
			[]flowlog.Flow{flow("web-0", "224.0.0.1", 53), flow("web-0", "127.0.0.1", 80), flow("web-0", "fe80::1", 80)}, "",
			"Connections from or to addresses of no single machine, seen 3 times: 127.0.0.1, 224.0.0.1, fe80::1.",
		},
		"a private address that is known to be outside": {
			[]flowlog.Flow{with(flow("web-0", "10.9.9.9", 443), func(f *flowlog.Flow) { f.Destination.Role = flowlog.RoleOutside })},
			"{from:[{tier:web}],name:web-to-10-9-9-9,ports:[{port:443,protocol:TCP}],to:[{ipBlocks:{cidrs:[10.9.9.9/32]}}]}", "",
		},
		"not addresses of the cluster that nobody has": {
			[]flowlog.Flow{flow("web-0", "203.0.113.200", 443)}, "", "Connections from or to addresses of the cluster that nobody has, seen once: 203.0.113.200.",
		},
		"not ports that a Service has not": {
			[]flowlog.Flow{flow("web-0", "10.96.1.1", 5432)}, "", "Connections to ports that their Services do not have, seen once: shop/db 5432.",
		},
		"not from a Service": {
			[]flowlog.Flow{flow("10.96.1.1", "web-0", 80)}, "", "Connections from addresses of Services, which open none, seen once: shop/db.",
		},
	} {
		p := propose(t, application(), c.flows)
		if got := inLines(t, p.Profile.Spec.Allow); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
		if got := strings.Join(p.PassedOver, "\n"); got != c.passed {
			t.Errorf("%s: passed over\n%s\nwant\n%s", name, got, c.passed)
		}
	}
}

func TestWhatWouldAllowMoreThanWasSeenIsLeftToDecide(t *testing.T) {
	for name, c := range map[string]struct {
		flow flowlog.Flow
		want string
	}{
		"a node":                       {flow("192.168.0.1", "web-0", 80), "{from:[{nodes:{}}],name:nodes-to-web,ports:[{port:80,protocol:TCP}],to:[{tier:web}]}"},
		"a pod on the host network":    {flow("shop/agent-0", "web-0", 80), "{from:[{nodes:{}}],name:nodes-to-web,ports:[{port:80,protocol:TCP}],to:[{tier:web}]}"},
		"a pod that is not known":      {flow("web-0", "other/gone", 80), "{from:[{tier:web}],name:web-to-other,ports:[{port:80,protocol:TCP}],to:[{pods:{namespaces:[other]}}]}"},
		"a private address":            {flow("10.9.9.9", "db-0", 5432), "{from:[{ipBlocks:{cidrs:[10.9.9.9/32]}}],name:10-9-9-9-to-db,to:[{tier:db}]}"},
		"a Service without a selector": {flow("web-0", "10.96.1.2", 80), "{from:[{tier:web}],name:web-to-shop-nobody,ports:[{port:80,protocol:TCP}],to:[{service:{name:nobody,namespace:shop}}]}"},
		"an unknown pod of this namespace, which would not be in a tier": {flow("gone", "web-0", 80), ""},
	} {
		p := propose(t, application(), []flowlog.Flow{c.flow})
		if len(p.Profile.Spec.Allow) > 0 {
			t.Errorf("%s: it is allowed", name)
		}
		if got := inLines(t, p.ToFillIn); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
		if len(p.PassedOver) != 1 {
			t.Errorf("%s: passed over: %q", name, p.PassedOver)
		}
	}
}

func TestAServiceOfSeveralTiersIsLeftToDecide(t *testing.T) {
	c := application()
	c.Pods = append(c.Pods, pods("shop", "Deployment cache", "app=cache", "kind=data"), pods("shop", "Deployment store", "app=store", "kind=data"))
	c.Facts.Services = append(c.Facts.Services, service("shop", "data", "10.96.1.9", map[string]string{"kind": "data"}, 80, intstr.FromInt32(6379), ""))
	p := propose(t, c, []flowlog.Flow{flow("web-0", "10.96.1.9", 80)})
	if got, want := inLines(t, p.ToFillIn), "{from:[{tier:web}],name:web-to-shop-data,ports:[{port:6379,protocol:TCP}],to:[{tier:cache},{tier:store}]}"; got != want || len(p.Profile.Spec.Allow) > 0 {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestManyPortsAndAddressesAreInSeveralEntries(t *testing.T) {
	var flows []flowlog.Flow
	for i := range int32(70) {
		flows = append(flows, flow("web-0", "db-0", 1000+i), flow(fmt.Sprintf("203.0.113.%d", 1+i), "db-0", 1), flow(fmt.Sprintf("198.51.100.%d", 2*i), "web-0", 1))
	}
	p := propose(t, application(), flows)
	ports, cidrs := map[int32]bool{}, 0
	for _, entry := range p.Profile.Spec.Allow {
		if len(entry.Ports) > maxPorts {
			t.Errorf("entry %s has %d ports", entry.Name, len(entry.Ports))
		}
		for _, port := range entry.Ports {
			ports[port.Port.IntVal] = true
		}
		if blocks := entry.From[0].IPBlocks; blocks != nil {
			cidrs += len(blocks.CIDRs)
			if len(blocks.CIDRs) > maxCIDRs {
				t.Errorf("entry %s has %d ranges", entry.Name, len(blocks.CIDRs))
			}
		}
	}
	// Neighbours among addresses are one range: 203.0.113.1 to 203.0.113.70 are 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64-67, 68-69 and 70.
	if len(ports) != 71 || cidrs != 70+9 || len(p.Profile.Spec.Allow) != 3+1+2 {
		t.Errorf("%d ports, %d ranges, %d entries", len(ports), cidrs, len(p.Profile.Spec.Allow))
	}
}

func TestThereAreNoMoreEntriesThanAProfileHas(t *testing.T) {
	var flows []flowlog.Flow
	for i := range int32(130) {
		flows = append(flows, flow("web-0", fmt.Sprintf("203.0.113.%d", 1+i%120), 1000+i), flow(fmt.Sprintf("198.51.100.%d", 1+i), "web-0", 1000+i))
	}
	p := propose(t, application(), flows)
	if len(p.Profile.Spec.Allow) != maxEntries || len(p.Entries) != maxEntries {
		t.Errorf("%d entries, %d of which something is said", len(p.Profile.Spec.Allow), len(p.Entries))
	}
	if len(p.PassedOver) != 1 || !strings.HasPrefix(p.PassedOver[0], "Connections for which there is no room, as a profile has at most 128 entries, seen ") {
		t.Errorf("passed over: %q", p.PassedOver)
	}
}

func TestThereIsNothingToProposeForNobody(t *testing.T) {
	onHost := pods("shop", "DaemonSet agent", "app=agent")
	onHost.HostNetwork = true
	var many []snapshot.Pod
	for i := range 65 {
		many = append(many, pods("shop", fmt.Sprint("Deployment d", i), fmt.Sprint("app=d", i)))
	}
	for want, c := range map[string]*snapshot.Cluster{
		"namespace shop has no pods that a NetworkPolicy could govern, so there is nothing to propose a profile for": shop(onHost, pods("blog", "Deployment web", "app=web")),
		"namespace shop has 65 groups of pods with labels of their own, and a profile has at most 64 tiers":          shop(many...),
	} {
		if p, err := Propose(Input{Namespace: "shop", Name: "shop", Cluster: c}); p != nil || err == nil || err.Error() != want {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

func TestWhatRecordsDoNotTellIsCounted(t *testing.T) {
	p, err := Propose(Input{Namespace: "shop", Name: "shop", Cluster: application(), Observed: &flowlog.Log{Skipped: map[flowlog.Reason]int{
		flowlog.Reply: 7, flowlog.NoDirection: 1, flowlog.NoVerdict: 2, flowlog.NoConnection: 3, flowlog.OtherCluster: 4,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	want := "3 records of no connection of TCP, UDP or SCTP between two ends.\nOne record without a word on which end opened the connection.\n" +
		"2 records without a verdict, or of addresses before they were translated.\n4 records of connections between clusters.\n7 records of replies, which follow from their connections."
	if got := strings.Join(p.PassedOver, "\n"); got != want {
		t.Errorf("passed over\n%s\nwant\n%s", got, want)
	}
}
