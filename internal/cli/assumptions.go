package cli

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/inventory"
)

// assumeDNS adds the Service by which nearly every cluster has its DNS, unless the files have one that could be it, a flag names
// it, or the command assumes nothing. It has no address: that is each cluster's own. It says whether it did.
func (s *sources) assumeDNS(inv *inventory.Inventory) bool {
	if s.assumesNothing || len(s.options.DNSServices) > 0 {
		return false
	}
	for _, found := range inv.Cluster(s.options).Facts.Services {
		if s.options.MayBeDNS(found.Namespace, found.Name, found.Labels) {
			return false
		}
	}
	inv.Add(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "kube-dns", Labels: map[string]string{"k8s-app": "kube-dns"}},
		Spec: corev1.ServiceSpec{
			ClusterIP: corev1.ClusterIPNone,
			Selector:  map[string]string{"k8s-app": "kube-dns"},
			Ports: []corev1.ServicePort{
				{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP},
				{Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP},
			},
		},
	})
	return true
}

// noteAssumptions says, where no cluster is looked at, what stands for what the files do not have, and how to look.
func (s *shared) noteAssumptions(howToLook string) {
	fmt.Fprintf(s.streams.ErrOut, "Note: only the files are looked at, so namespaces that are not in them are taken for open, and a tier or peer without pods is judged by a pod such as its selector would choose; %s looks at what is there.\n", howToLook)
}
