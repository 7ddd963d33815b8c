package random

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/internal/snapshot"
)

// pods draws one to four pods for each namespace. Some are on the host network, some are completed, some have no address yet.
func (d Drawer) pods(namespaces []snapshot.Namespace) []snapshot.Pod {
	var out []snapshot.Pod
	for _, ns := range namespaces {
		for range 1 + d.IntN(3) {
			out = append(out, d.Pod(ns.Name, len(out)))
		}
	}
	return out
}

// Pod draws the pod of this number, which makes its name and address unlike those of others.
func (d Drawer) Pod(namespace string, number int) snapshot.Pod {
	p := snapshot.Pod{Namespace: namespace, Name: fmt.Sprint("pod", number), Labels: d.podLabels(), Ports: d.containerPorts()}
	p.Workload = snapshot.Workload{Kind: OneOf(d, "Deployment", "StatefulSet", "DaemonSet"), Name: OneOf(d, "web", "api")}
	p.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + number)})}
	if namespace == "kube-system" && d.oneIn(2) {
		p.Labels["k8s-app"] = "kube-dns"
	}
	switch d.IntN(16) {
	case 0:
		p.HostNetwork = true
		p.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{192, 168, 0, byte(d.IntN(5))})}
	case 1:
		p.Completed, p.Workload.Kind = true, "Job"
	case 2:
		p.Addresses = nil
	case 3, 4:
		p.Addresses = append(p.Addresses, netip.AddrFrom16([16]byte{0: 0xfd, 15: byte(1 + number)}))
	case 5:
		p.Workload = snapshot.Workload{Kind: "Pod", Name: p.Name}
	}
	return p
}

func (d Drawer) podLabels() map[string]string {
	labels := map[string]string{}
	if !d.oneIn(8) {
		labels["app"] = OneOf(d, "a", "b", "c")
	}
	if d.oneIn(3) {
		labels["tier"] = "x"
	}
	if d.oneIn(3) {
		labels["other"] = OneOf(d, "", "x")
	}
	return labels
}

// containerPorts draws up to three ports. A name may stand for a port of another protocol, or for two ports, as it can when
// two containers give it.
func (d Drawer) containerPorts() []snapshot.ContainerPort {
	var out []snapshot.ContainerPort
	for range d.IntN(4) {
		out = append(out, snapshot.ContainerPort{
			Name:     OneOf(d, "", "http", "http", "dns"),
			Protocol: OneOf(d, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP),
			Port:     OneOf[int32](d, 53, 80, 443, 5353, 8080),
		})
	}
	slices.SortFunc(out, func(a, b snapshot.ContainerPort) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
	})
	return slices.Compact(out)
}

// podAddresses returns the addresses that are a pod's.
func podAddresses(pods []snapshot.Pod) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, p := range pods {
		if p.HostNetwork || p.Completed {
			continue
		}
		for _, addr := range p.Addresses {
			out[addr] = true
		}
	}
	return out
}
