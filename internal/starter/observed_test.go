package starter

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/internal/flowlog"
	"firebreak.dev/firebreak/internal/snapshot"
)

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

func TestAnEntryCountsWhatWasSeenOfThoseThatItNames(t *testing.T) {
	var flows []flowlog.Flow
	for i := range 2*maxCIDRs - 1 {
		// Every other address, so that none of them are one range.
		f := flow(fmt.Sprintf("198.51.100.%d", 2*i), "web-0", 9999)
		f.Times = 3
		flows = append(flows, f)
	}
	p := propose(t, application(), flows)
	var counts []string
	for _, e := range p.Profile.Spec.Allow {
		said, _, _ := strings.Cut(p.Entries[e.Name], "\n")
		counts = append(counts, fmt.Sprintf("%d: %s", len(e.From[0].IPBlocks.CIDRs), said))
	}
	if got, want := strings.Join(counts, "; "), "64: Seen 192 times on 9999.; 63: Seen 189 times on 9999."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
