package inventory

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/snapshot"
)

// owner is a workload by namespace, kind and name.
type owner struct {
	namespace string
	snapshot.Workload
}

// pods returns the running pods, and for each workload of which none is known, what its template makes. Where a workload is
// in a later layer than its pods, they are not of this version of it, and the template stands for them. Pods that are alike
// are one with their Count. Sorted by namespace and workload.
func (inv *Inventory) pods() []snapshot.Pod {
	templates, at := inv.templates()
	classes := map[string]*snapshot.Pod{}
	running := inv.running(at, classes)
	for by, p := range templates {
		if !running[by] {
			join(classes, p)
		}
	}
	out := make([]snapshot.Pod, 0, len(classes))
	for _, key := range slices.Sorted(maps.Keys(classes)) {
		p := *classes[key]
		slices.SortFunc(p.Addresses, netip.Addr.Compare)
		slices.Sort(p.Names)
		out = append(out, p)
	}
	slices.SortStableFunc(out, comparePods)
	return out
}

// running puts the running pods into classes, and returns their workloads. At is the layer in which a workload's template is.
func (inv *Inventory) running(at map[owner]int, classes map[string]*snapshot.Pod) map[owner]bool {
	running := map[owner]bool{}
	for n, l := range inv.layers {
		for key, o := range l {
			pod, ok := o.(*corev1.Pod)
			if !ok || inv.get(key) != o {
				continue
			}
			p := snapshot.FromPod(pod)
			by := owner{p.Namespace, p.Workload}
			if layer, ok := at[by]; p.Completed || (ok && layer > n) {
				continue
			}
			running[by] = true
			if maker := metav1.GetControllerOfNoCopy(pod); maker != nil {
				// A ReplicaSet may be there without its Deployment.
				running[owner{p.Namespace, snapshot.Workload{Kind: maker.Kind, Name: maker.Name}}] = true
			}
			join(classes, p)
		}
	}
	return running
}

// join adds a pod to its class.
func join(classes map[string]*snapshot.Pod, p snapshot.Pod) {
	key := p.Namespace + "\x00" + p.ClassKey()
	class, ok := classes[key]
	if !ok {
		if p.Name != "" {
			p.Names = []string{p.Name}
		}
		classes[key] = &p
		return
	}
	if p.Name != "" {
		class.Names = append(class.Names, p.Name)
	}
	class.Name = ""
	class.Count += p.Count
	class.Addresses = append(class.Addresses, p.Addresses...)
}

// templates returns what the workloads make that nothing else made, and the layer of each.
func (inv *Inventory) templates() (pods map[owner]snapshot.Pod, at map[owner]int) {
	pods, at = map[owner]snapshot.Pod{}, map[owner]int{}
	for n, l := range inv.layers {
		for key, o := range l {
			template, replicas := templateOf(o)
			if template == nil || inv.get(key) != o || inv.isMade(o) {
				continue
			}
			by := owner{key.Namespace, snapshot.Workload{Kind: key.Kind, Name: key.Name}}
			pods[by], at[by] = snapshot.FromTemplate(key.Namespace, by.Workload, template, replicas), n
		}
	}
	return pods, at
}

// isMade says whether an object was made by another one of the inventory.
func (inv *Inventory) isMade(o Object) bool {
	by := metav1.GetControllerOfNoCopy(o)
	if by == nil {
		return false
	}
	return slices.ContainsFunc(samples(), func(s sample) bool {
		return s.kind.Kind == by.Kind && inv.Has(Key{s.kind.GroupKind(), o.GetNamespace(), by.Name})
	})
}

// templateOf returns the pods that a workload makes, and how many; nil for what is no workload. One that is scaled to
// nothing counts as one pod: what is true of it will be true when it is scaled up.
func templateOf(o Object) (*corev1.PodTemplateSpec, int) {
	switch o := o.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template, replicas(o.Spec.Replicas)
	case *appsv1.StatefulSet:
		return &o.Spec.Template, replicas(o.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return &o.Spec.Template, replicas(o.Spec.Replicas)
	case *corev1.ReplicationController:
		if o.Spec.Template != nil {
			return o.Spec.Template, replicas(o.Spec.Replicas)
		}
	case *appsv1.DaemonSet:
		return &o.Spec.Template, 1
	case *batchv1.Job:
		return &o.Spec.Template, replicas(o.Spec.Parallelism)
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template, replicas(o.Spec.JobTemplate.Spec.Parallelism)
	}
	return nil, 0
}

func replicas(n *int32) int {
	if n == nil || *n < 1 {
		return 1
	}
	return int(*n)
}

// comparePods orders pods by namespace and workload.
func comparePods(a, b snapshot.Pod) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Workload.Kind, b.Workload.Kind), cmp.Compare(a.Workload.Name, b.Workload.Name))
}
