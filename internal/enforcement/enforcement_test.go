package enforcement

import (
	"maps"
	"slices"
	"testing"
)

// daemonSet is the sign of a DaemonSet kube-system/name.
func daemonSet(name string) Sign { return OfDaemonSet("kube-system", name, nil) }

func k3s(args string) Sign { return OfNode(nil, map[string]string{"k3s.io/node-args": args}) }

func TestWhatADaemonSetSays(t *testing.T) {
	for name, c := range map[string]struct {
		namespace, name string
		labels          map[string]string
		plugin          string
		meaning         Meaning
	}{
		"Calico by its operator":                   {"calico-system", "calico-node", nil, "Calico", Enforces},
		"Calico with flannel":                      {"kube-system", "canal", nil, "Calico", Enforces},
		"Calico with flannel of RKE2":              {"kube-system", "rke2-canal", nil, "Calico", Enforces},
		"Cilium":                                   {"kube-system", "cilium", nil, "Cilium", Enforces},
		"Cilium under a prefix, told by its label": {"kube-system", "my-cilium", map[string]string{"k8s-app": "cilium"}, "Cilium", Enforces},
		"GKE Dataplane V2":                         {"kube-system", "anetd", nil, "GKE Dataplane V2", Enforces},
		"Antrea":                                   {"kube-system", "antrea-agent", nil, "Antrea", Enforces},
		"Weave Net":                                {"kube-system", "weave-net", nil, "Weave Net", Enforces},
		"kube-router":                              {"kube-system", "kube-router", nil, "kube-router", Enforces},
		"Azure Network Policy Manager":             {"kube-system", "azure-npm", nil, "Azure Network Policy Manager", Enforces},
		"OVN-Kubernetes of OpenShift":              {"openshift-ovn-kubernetes", "ovnkube-node", nil, "OVN-Kubernetes", Enforces},
		"Kube-OVN":                                 {"kube-system", "kube-ovn-cni", nil, "Kube-OVN", Enforces},
		"kindnet":                                  {"kube-system", "kindnet", nil, "kindnet", Enforces},
		"kube-network-policies":                    {"kube-system", "kube-network-policies", nil, "kube-network-policies", Enforces},
		"OpenShift SDN":                            {"openshift-sdn", "sdn", nil, "OpenShift SDN", Enforces},
		"something named like OpenShift SDN":       {"shop", "sdn", nil, "", ""},
		"Romana":                                   {"kube-system", "romana-agent", nil, "Romana", Enforces},
		"NSX":                                      {"nsx-system", "nsx-node-agent", nil, "NSX Container Plugin", Enforces},
		"Contrail":                                 {"contrail", "contrail-vrouter-nodes", nil, "Contrail", Enforces},
		"Cisco ACI":                                {"aci-containers-system", "aci-containers-host", nil, "Cisco ACI", Enforces},
		"Amazon VPC CNI":                           {"kube-system", "aws-node", nil, "Amazon VPC CNI", MayEnforce},
		"Terway":                                   {"kube-system", "terway-eniip", nil, "Terway", MayEnforce},
		"flannel":                                  {"kube-flannel", "kube-flannel-ds", nil, "flannel", Ignores},
		"the proxy of Services":                    {"kube-system", "kube-proxy", map[string]string{"k8s-app": "kube-proxy"}, "", ""},
		"the proxy of Cilium, which is not its plugin": {"kube-system", "cilium-envoy", map[string]string{"k8s-app": "cilium-envoy"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := OfDaemonSet(c.namespace, c.name, c.labels)
			want := Sign{Plugin: c.plugin, Meaning: c.meaning}
			if c.plugin != "" {
				want.Where = "DaemonSet " + c.namespace + "/" + c.name
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestWhatANodeSays(t *testing.T) {
	for name, c := range map[string]struct {
		labels, annotations map[string]string
		plugin              string
		meaning             Meaning
	}{
		"nothing":                                 {nil, nil, "", ""},
		"a server of k3s":                         {nil, map[string]string{"k3s.io/node-args": `["server","--tls-san","192.0.2.1"]`}, "k3s", Enforces},
		"an agent of k3s":                         {nil, map[string]string{"k3s.io/node-args": `["agent"]`}, "k3s", Enforces},
		"one that must not":                       {nil, map[string]string{"k3s.io/node-args": `["server","--disable-network-policy"]`}, "k3s", Ignores},
		"one that must not, and something else":   {nil, map[string]string{"k3s.io/node-args": `["server","--disable-network-policy","--debug"]`}, "k3s", Ignores},
		"one that must not, by its configuration": {nil, map[string]string{"k3s.io/node-args": `["server","--disable-network-policy","true"]`}, "k3s", Ignores},
		"one that must, by its configuration":     {nil, map[string]string{"k3s.io/node-args": `["server","--disable-network-policy","false"]`}, "k3s", Enforces},
		"one that must, by its flag":              {nil, map[string]string{"k3s.io/node-args": `["server","--disable-network-policy=false"]`}, "k3s", Enforces},
		"one that must not, by its flag":          {nil, map[string]string{"k3s.io/node-args": `["server","--disable-network-policy=true"]`}, "k3s", Ignores},
		"one with a value that reads like it":     {nil, map[string]string{"k3s.io/node-args": `["server","--token","disable-network-policy"]`}, "k3s", Enforces},
		"one whose arguments cannot be read":      {nil, map[string]string{"k3s.io/node-args": `server --disable-network-policy`}, "k3s", Enforces},
		"RKE2, whose plugin is a DaemonSet":       {nil, map[string]string{"rke2.io/node-args": `["server"]`}, "", ""},
		"EKS Auto Mode":                           {map[string]string{"eks.amazonaws.com/compute-type": "auto"}, nil, "EKS Auto Mode", MayEnforce},
		"a node group of EKS":                     {map[string]string{"eks.amazonaws.com/nodegroup": "a"}, nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := OfNode(c.labels, c.annotations)
			if got.Plugin != c.plugin || got.Meaning != c.meaning || (got.Where == "") != (c.plugin == "") {
				t.Errorf("got %+v, want %s %s", got, c.plugin, c.meaning)
			}
			kept := NodeAnnotations(c.annotations)
			if again := OfNode(c.labels, kept); again != got {
				t.Errorf("by the annotations that are kept, %v, it says %+v, by all of them %+v", kept, again, got)
			}
		})
	}
}

func TestOfANodeLittleIsKept(t *testing.T) {
	kept := NodeAnnotations(map[string]string{"k3s.io/node-args": `["server","--token","secret"]`, "other": "x"})
	if want := map[string]string{"k3s.io/node-args": "[]"}; !maps.Equal(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
	if kept := NodeAnnotations(map[string]string{"other": "x"}); kept != nil {
		t.Errorf("kept %v", kept)
	}
}

func TestJudge(t *testing.T) {
	flannel := OfDaemonSet("kube-flannel", "kube-flannel-ds", nil)
	for name, c := range map[string]struct {
		seen     Seen
		state    State
		evidence string
	}{
		"no node": {Seen{DaemonSets: 2}, Unknown, ""},
		"no node, but a plugin that will run on them": {Seen{DaemonSets: 2, Signs: []Sign{daemonSet("cilium")}}, Unknown, ""},
		"looking is not allowed":                      {Seen{Nodes: 3, Forbidden: true}, Unknown, ""},
		"nodes alone":                                 {Seen{Nodes: 1}, NotSeen, "among 1 node and 0 DaemonSets"},
		"nothing that is known":                       {Seen{Nodes: 3, DaemonSets: 1}, NotSeen, "among 3 nodes and 1 DaemonSet"},
		"signs that say nothing":                      {Seen{Nodes: 3, DaemonSets: 1, Signs: []Sign{{}, {}}}, NotSeen, "among 3 nodes and 1 DaemonSet"},
		"one that enforces":                           {Seen{Nodes: 3, DaemonSets: 4, Signs: []Sign{daemonSet("calico-node")}}, EnforcerSeen, ""},
		"one that may enforce":                        {Seen{Nodes: 3, DaemonSets: 4, Signs: []Sign{daemonSet("aws-node")}}, Unknown, ""},
		"one that may enforce, and one that does":     {Seen{Nodes: 3, DaemonSets: 4, Signs: []Sign{daemonSet("aws-node"), daemonSet("calico-node")}}, EnforcerSeen, ""},
		"one that does not": {Seen{Nodes: 3, DaemonSets: 4, Signs: []Sign{flannel}}, NotSeen,
			"among 3 nodes and 4 DaemonSets, and by itself this does not enforce them: flannel (DaemonSet kube-flannel/kube-flannel-ds)"},
		"one that does not, and one that does":  {Seen{Nodes: 3, DaemonSets: 4, Signs: []Sign{flannel, daemonSet("kube-network-policies")}}, EnforcerSeen, ""},
		"one that does not, and one that may":   {Seen{Nodes: 3, DaemonSets: 4, Signs: []Sign{flannel, daemonSet("aws-node")}}, Unknown, ""},
		"k3s":                                   {Seen{Nodes: 2, DaemonSets: 1, Signs: []Sign{k3s(`["server"]`), k3s(`["agent"]`)}}, EnforcerSeen, ""},
		"k3s that must not: its agents neither": {Seen{Nodes: 3, DaemonSets: 1, Signs: []Sign{k3s(`["agent"]`), k3s(`["server","--disable-network-policy"]`), k3s(`["server","--disable-network-policy"]`)}}, NotSeen, "among 3 nodes and 1 DaemonSet, and by itself this does not enforce them: k3s (with --disable-network-policy, says annotation k3s.io/node-args of nodes)"},
		"k3s that must not, with Calico":        {Seen{Nodes: 2, DaemonSets: 1, Signs: []Sign{k3s(`["server","--disable-network-policy"]`), daemonSet("calico-node")}}, EnforcerSeen, ""},
		"several that do not, each once": {Seen{Nodes: 2, DaemonSets: 3, Signs: []Sign{k3s(`["server","--disable-network-policy"]`), flannel, daemonSet("kube-flannel")}}, NotSeen,
			"among 2 nodes and 3 DaemonSets, and by itself this does not enforce them: flannel (DaemonSet kube-flannel/kube-flannel-ds), k3s (with --disable-network-policy, says annotation k3s.io/node-args of nodes)"},
	} {
		t.Run(name, func(t *testing.T) {
			want := Verdict{State: c.state, Evidence: c.evidence}
			if got := Judge(c.seen); got != want {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
			slices.Reverse(c.seen.Signs)
			if got := Judge(c.seen); got != want {
				t.Errorf("in another order %+v\nwant %+v", got, want)
			}
		})
	}
}
