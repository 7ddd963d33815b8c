package explanation

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// end is one end of the question, looked up.
type end struct {
	End
	// place is the namespace of the pods; nil for addresses.
	place *place
	pods  []*snapshot.Pod
	// addresses stand for what is outside the cluster.
	addresses []netip.Addr
	// tier and profile are set when a tier was asked for.
	tier    *v1alpha1.ClusterTier
	profile snapshot.ProfileKey
	// service is set when a Service was asked for.
	service *corev1.Service
	// unnumbered are the names of ports to which no pod that runs gives a number.
	unnumbered map[string]bool
	notes      []string
}

func (e *end) note(format string, args ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, args...))
}

// resolver looks up references.
type resolver struct {
	world World
	// namespace is meant where a reference says none.
	namespace string
}

func (r resolver) resolve(ref Reference) (*end, error) {
	e := &end{End: End{Given: ref.Given, Kind: ref.Kind}}
	if ref.Kind == KindInternet {
		e.Name = "the internet"
		return e, nil
	}
	if ref.Kind == KindAddress {
		return e, r.address(e, ref.Address)
	}
	e.Namespace = cmp.Or(ref.Namespace, r.namespace)
	var err error
	var known bool
	if e.place, known, err = r.world.in(e.Namespace); err != nil {
		return nil, err
	}
	switch {
	case !known:
		e.note("Nothing is known of namespace %s: it is taken for one without NetworkPolicies.", e.Namespace)
	case r.world.Cluster.Options.Protected(e.Namespace):
		e.note("Namespace %s is protected: Firebreak writes nothing there.", e.Namespace)
	}
	return e, r.pods(e, ref)
}

// pods finds the pods that a reference means, in the namespace of an end.
func (r resolver) pods(e *end, ref Reference) error {
	switch ref.Kind {
	case KindTier:
		return r.tier(e, ref)
	case KindPod:
		return r.pod(e, ref.Name)
	case KindService:
		return r.service(e, ref.Name)
	case KindNamespace:
		r.anyPod(e)
		return nil
	default:
		return r.workload(e, ref)
	}
}

// workload finds the pods of a workload. A Deployment names its ReplicaSets after itself and a hash that its pods have as a label.
func (r resolver) workload(e *end, ref Reference) error {
	meant := snapshot.Workload{Kind: ref.Workload, Name: ref.Name}
	for i := range e.place.Pods {
		p := &e.place.Pods[i]
		hash := p.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
		ofReplicaSet := ref.Workload == "ReplicaSet" && hash != "" && p.Workload.Kind == "Deployment" && p.Workload.Name+"-"+hash == ref.Name
		ofCronJob := ref.Workload == "CronJob" && p.Workload.Kind == "Job" && madeBy(p.Workload.Name, ref.Name)
		if p.Workload == meant || ofReplicaSet || ofCronJob {
			e.pods = append(e.pods, p)
		}
	}
	if len(e.pods) == 0 {
		return fmt.Errorf("no pod of %s is known in namespace %s%s", meant, e.Namespace, didYouMean(ref.Name, workloads(e.place)))
	}
	e.Name = meant.String()
	return nil
}

// madeBy says whether a Job has the name that a CronJob gives: its own and a time.
func madeBy(job, cronJob string) bool {
	rest, ok := strings.CutPrefix(job, cronJob+"-")
	return ok && rest != "" && strings.Trim(rest, "0123456789") == ""
}

// workloads are those of a namespace as they are asked for.
func workloads(place *place) []string {
	short := map[string]string{"Deployment": "deploy", "StatefulSet": "sts", "DaemonSet": "ds", "ReplicaSet": "rs"}
	var out []string
	for _, p := range place.Pods {
		kind, ok := short[p.Workload.Kind]
		if !ok {
			kind = strings.ToLower(p.Workload.Kind)
		}
		out = append(out, kind+"/"+p.Workload.Name)
	}
	return out
}

// pod finds one pod, alone or among several that are alike. Where their names are not kept, what made them named them after
// itself.
func (r resolver) pod(e *end, name string) error {
	e.Name = "Pod " + name
	for i := range e.place.Pods {
		if p := &e.place.Pods[i]; p.Name == name {
			e.pods = append(e.pods, p)
			return nil
		}
	}
	for i := range e.place.Pods {
		p := &e.place.Pods[i]
		known := slices.Contains(p.Names, name)
		if known || (p.Name == "" && p.Names == nil && mayBeNamed(p, name)) {
			one := *p
			one.Count, one.Name, one.Addresses = 1, name, nil
			e.pods = append(e.pods, &one)
		}
	}
	if len(e.pods) == 0 {
		return fmt.Errorf("no running pod %s is known in namespace %s%s", name, e.Namespace, didYouMean(name, append(podNames(e.place), workloads(e.place)...)))
	}
	if len(e.pods) > 1 {
		e.note("Pod %s is one of %s; which, its name does not tell.", name, e.pods[0].Workload)
	}
	return nil
}

// mayBeNamed says whether one of several pods that are alike may have a name.
func mayBeNamed(pod *snapshot.Pod, name string) bool {
	if own, ok := pod.Labels[appsv1.StatefulSetPodNameLabel]; ok {
		return own == name
	}
	prefix := pod.Workload.Name + "-"
	if hash := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; hash != "" && pod.Workload.Kind == "Deployment" {
		prefix += hash + "-"
	}
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && rest != "" && !strings.Contains(rest, "-")
}

func podNames(place *place) []string {
	var out []string
	for _, p := range place.Pods {
		switch {
		case p.Names != nil:
			for _, name := range p.Names {
				out = append(out, "pod/"+name)
			}
		case p.Name != "":
			out = append(out, "pod/"+p.Name)
		}
	}
	return out
}

// anyPod takes a pod without labels for any of a namespace, and the running ones to see which fare otherwise.
func (r resolver) anyPod(e *end) {
	e.Name = "any pod of namespace " + e.Namespace
	e.pods = append(e.pods, &snapshot.Pod{Namespace: e.Namespace, Labels: map[string]string{}})
	e.Hypothetical = len(e.place.Pods) == 0
	for i := range e.place.Pods {
		e.pods = append(e.pods, &e.place.Pods[i])
	}
}

// running counts the pods that run.
func (e *end) running() int {
	n := 0
	for i, p := range e.pods {
		if !e.Hypothetical && (e.Kind != KindNamespace || i > 0) {
			n += max(1, p.Count)
		}
	}
	return n
}

// address tells whose an address is: a pod's, a Service's, a node's, or somebody's outside.
func (r resolver) address(e *end, addr netip.Addr) error {
	e.Name = addr.String()
	if r.podAt(e, addr) {
		return nil
	}
	if s := r.serviceAt(addr); s != nil {
		e.note("%s is the address of Service %s/%s.", addr, s.Namespace, s.Name)
		var err error
		if e.place, _, err = r.world.in(s.Namespace); err != nil {
			return err
		}
		e.Namespace, e.Kind = s.Namespace, KindService
		return r.service(e, s.Name)
	}
	e.addresses = []netip.Addr{addr}
	for _, node := range r.world.Cluster.Facts.Nodes {
		if slices.Contains(node.Addresses, addr) {
			e.note("%s is the address of node %s: of its kubelet, and of its pods on the host network.", addr, node.Name)
			return nil
		}
	}
	if addr.IsPrivate() && !r.world.Partial {
		e.note("%s is the address of no pod, Service or node that is known; it is taken for one outside the cluster.", addr)
	}
	return nil
}

// podAt finds the pod that has an address, and says whether there is one.
func (r resolver) podAt(e *end, addr netip.Addr) bool {
	for i := range r.world.Namespaces {
		here := (*place)(r.world.Namespaces[i])
		for _, p := range here.Pods {
			if slices.Contains(p.Addresses, addr) {
				p.Addresses, p.Count = []netip.Addr{addr}, 1
				e.place, e.pods, e.Namespace, e.Kind, e.Name = here, []*snapshot.Pod{&p}, p.Namespace, KindPod, p.Workload.String()
				e.note("%s is the address of a pod of %s in namespace %s.", addr, p.Workload, p.Namespace)
				return true
			}
		}
	}
	return false
}

// serviceAt finds the Service that has an address; nil when there is none.
func (r resolver) serviceAt(addr netip.Addr) *corev1.Service {
	for i := range r.world.Cluster.Facts.Services {
		if s := &r.world.Cluster.Facts.Services[i]; slices.Contains(clusterAddresses(s), addr) {
			return s
		}
	}
	return nil
}
