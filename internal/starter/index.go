package starter

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/internal/flowlog"
	"firebreak.dev/firebreak/internal/snapshot"
)

// index finds who has a name or an address.
type index struct {
	// groups are those of each namespace, in the order of groupsOf.
	groups    map[string][]*group
	byPod     map[types.NamespacedName]*group
	byAddress map[netip.Addr]*group
	onHost    map[types.NamespacedName]bool
	services  map[netip.Addr]*corev1.Service
	// dns are the Services that may be the cluster's DNS.
	dns        []*corev1.Service
	nodes      map[netip.Addr]bool
	apiServers map[netip.Addr]bool
	// apiAt is where the API server is reached: at its Service's address and port, and at its own.
	apiAt map[netip.AddrPort]bool
	// apiPorts are those of its own, for machines that only a record calls the API server's.
	apiPorts map[int32]bool
}

// newIndex reads what is known: the cluster and, of other namespaces than the one that a profile is proposed for, which pods records
// tell of.
func newIndex(in Input) *index {
	c := in.Cluster

	x := &index{
		groups: map[string][]*group{}, byPod: map[types.NamespacedName]*group{}, byAddress: map[netip.Addr]*group{},
		onHost: map[types.NamespacedName]bool{}, services: map[netip.Addr]*corev1.Service{}, nodes: map[netip.Addr]bool{},
		apiServers: map[netip.Addr]bool{}, apiAt: map[netip.AddrPort]bool{}, apiPorts: map[int32]bool{},
	}
	pods := map[string][]snapshot.Pod{}
	for _, pod := range c.Pods {
		pods[pod.Namespace] = append(pods[pod.Namespace], pod)
		for _, name := range namesOf(pod) {
			x.onHost[name] = pod.HostNetwork
		}
	}
	told := x.toldOf(in)
	for _, namespace := range slices.Concat(slices.Collect(maps.Keys(pods)), slices.Collect(maps.Keys(told))) {
		if x.groups[namespace] != nil {
			continue
		}
		x.groups[namespace] = groupsOf(namespace, pods[namespace], told[namespace])
		for _, g := range x.groups[namespace] {
			x.addPods(g)
		}
	}
	for i := range c.Facts.Services {
		s := &c.Facts.Services[i]
		for _, addr := range addressesOf(s) {
			x.services[addr] = s
		}
		if c.Options.MayBeDNS(s.Namespace, s.Name, s.Labels) {
			x.dns = append(x.dns, s)
		}
	}
	for _, node := range c.Facts.Nodes {
		for _, addr := range node.Addresses {
			x.nodes[addr] = true
		}
	}
	x.addAPIServer(c)
	return x
}

// toldOf returns the labels of pods of other namespaces that only records tell of, by namespace, each once, in the order of the
// records.
func (x *index) toldOf(in Input) map[string][]map[string]string {
	out := map[string][]map[string]string{}
	if in.Observed == nil {
		return out
	}
	for _, flow := range in.Observed.Flows {
		for _, e := range []flowlog.End{flow.Source, flow.Destination} {
			labels := identifying(e.Labels)
			_, isThere := x.onHost[types.NamespacedName{Namespace: e.Namespace, Name: e.Pod}]
			if e.Pod == "" || e.Namespace == "" || e.Namespace == in.Namespace || isThere || len(labels) == 0 {
				continue
			}
			if !slices.ContainsFunc(out[e.Namespace], func(known map[string]string) bool { return maps.Equal(known, labels) }) {
				out[e.Namespace] = append(out[e.Namespace], labels)
			}
		}
	}
	return out
}

func (x *index) addPods(g *group) {
	for _, pod := range g.pods {
		for _, name := range namesOf(pod) {
			x.byPod[name] = g
		}
		for _, addr := range pod.Addresses {
			x.byAddress[addr] = g
		}
	}
}

// addAPIServer adds the addresses and ports of the API server. Where nothing tells its own ports, they are the usual ones.
func (x *index) addAPIServer(c *snapshot.Cluster) {
	service := snapshot.APIServerService()
	for i := range c.Facts.Services {
		s := &c.Facts.Services[i]
		if s.Namespace != service.Namespace || s.Name != service.Name {
			continue
		}
		for _, port := range s.Spec.Ports {
			x.addAPI(addressesOf(s), port.Port)
		}
	}
	for i := range c.Facts.EndpointSlices {
		slice := &c.Facts.EndpointSlices[i]
		if !snapshot.IsOf(slice, service) {
			continue
		}
		for _, port := range slice.Ports {
			if port.Port != nil {
				x.addAPI(snapshot.AddressesIn(slice), *port.Port)
				x.apiPorts[*port.Port] = true
			}
		}
	}
	if len(x.apiPorts) == 0 {
		x.apiPorts[443], x.apiPorts[6443] = true, true
	}
}

func (x *index) addAPI(addresses []netip.Addr, port int32) {
	for _, addr := range addresses {
		x.apiServers[addr] = true
		x.apiAt[netip.AddrPortFrom(addr, uint16(port))] = true //nolint:gosec // the API server checked the port
	}
}

// isAPI says whether the API server is reached at an address and port.
func (x *index) isAPI(addr netip.Addr, port int32) bool {
	if x.apiServers[addr] {
		return x.apiAt[netip.AddrPortFrom(addr, uint16(port))] //nolint:gosec // records were checked
	}
	return x.apiPorts[port]
}

// namesOf returns the names of the pods that one stands for; none for those that do not run yet.
func namesOf(pod snapshot.Pod) []types.NamespacedName {
	names := pod.Names
	if len(names) == 0 && pod.Name != "" {
		names = []string{pod.Name}
	}
	var out []types.NamespacedName
	for _, name := range names {
		out = append(out, types.NamespacedName{Namespace: pod.Namespace, Name: name})
	}
	return out
}

// addressesOf returns the cluster addresses of a Service; none for a headless one.
func addressesOf(s *corev1.Service) []netip.Addr {
	var out []netip.Addr
	for _, text := range append([]string{s.Spec.ClusterIP}, s.Spec.ClusterIPs...) {
		if addr, err := netip.ParseAddr(text); err == nil {
			out = append(out, addr.Unmap())
		}
	}
	return out
}

// groupOf returns the group of a pod, and what that is guessed from. Nil when nothing tells.
func (x *index) groupOf(e flowlog.End) (*group, guess) {
	if g := x.byPod[types.NamespacedName{Namespace: e.Namespace, Name: e.Pod}]; g != nil {
		return g, guessNone
	}
	labels := identifying(e.Labels)
	for _, g := range x.groups[e.Namespace] {
		if len(labels) > 0 && maps.Equal(g.labels, labels) {
			if g.isTold() {
				return g, guessLabels
			}
			return g, guessNone
		}
	}
	return x.groupByName(e, labels), guessName
}

// groupByName returns the group of the one workload that gives its pods such names and all of these labels, if not more; nil when there
// are none or several. It is for pods that are gone.
func (x *index) groupByName(e flowlog.End, labels map[string]string) *group {
	var found *group
	for _, g := range x.groups[e.Namespace] {
		if !hasAll(g.labels, labels) || !slices.ContainsFunc(g.workloads, func(w snapshot.Workload) bool { return gives(w, e.Pod) }) {
			continue
		}
		if found != nil {
			return nil
		}
		found = g
	}
	return found
}

// drawn are letters that Kubernetes draws for names: no vowels, and no digits like letters (k8s.io/apimachinery/pkg/util/rand).
const drawn = "[bcdfghjklmnpqrstvwxz2456789]"

// gives says whether a workload gives its pods such names.
func gives(w snapshot.Workload, pod string) bool {
	var behind string
	switch w.Kind {
	case "Deployment":
		behind = "-" + drawn + "{1,10}-" + drawn + "{5}"
	case "StatefulSet":
		behind = "-[0-9]+"
	case "CronJob":
		behind = "-[0-9]+-" + drawn + "{5}"
	case "ReplicaSet", "DaemonSet", "Job", "ReplicationController":
		behind = "-" + drawn + "{5}"
	default:
		return false
	}
	if !strings.HasPrefix(pod, w.Name+"-") {
		return false
	}
	matches, err := regexp.MatchString("^"+regexp.QuoteMeta(w.Name)+behind+"$", pod)
	return err == nil && matches
}
