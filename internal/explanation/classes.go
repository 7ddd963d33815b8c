package explanation

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// class is pods at an end that no policy tells apart, or an address.
type class struct {
	// pod is one of them; nil for an address. It has a name only when it was asked for by that.
	pod     *snapshot.Pod
	address netip.Addr
	members []*snapshot.Pod
	// count is the number of running pods.
	count int
	// made says that the pod was made up.
	made bool
}

func (c *class) endpoint() evaluator.Endpoint {
	return evaluator.Endpoint{Pod: c.pod, Address: c.address}
}

// classesOf sorts the pods of an end into classes, in the order of the pods.
func (x *explainer) classesOf(e, other *end) []*class {
	if e.place == nil {
		var out []*class
		for _, addr := range e.addresses {
			out = append(out, &class{address: addr})
		}
		return out
	}
	byLook := map[string]*class{}
	var out []*class
	for i, pod := range e.pods {
		made := e.Hypothetical || (e.Kind == KindNamespace && i == 0)
		look := x.look(e, other, pod)
		c, known := byLook[look]
		if !known {
			one := *pod
			if e.Kind != KindPod {
				// Others such as this one may come, and what it can do with itself does not hold for them.
				one.Name = ""
			}
			c = &class{pod: &one, made: made}
			byLook[look] = c
			out = append(out, c)
		}
		c.members = append(c.members, pod)
		if !made {
			c.count += max(1, pod.Count)
		}
	}
	return out
}

// look is equal for pods of an end that fare alike with the other end, now and if what is previewed were enforced.
func (x *explainer) look(e, other *end, pod *snapshot.Pod) string {
	parts := []string{fmt.Sprint(pod.HostNetwork, pod.Completed, pod.Ports)}
	for _, m := range e.place.memberships(pod) {
		parts = append(parts, m.output.Profile.Key.String()+"/"+m.tier)
	}
	for _, s := range x.scenarios {
		here, there := s.places[e.Namespace], s.places[other.Namespace]
		for _, direction := range []networkpolicy.Direction{networkpolicy.Egress, networkpolicy.Ingress} {
			parts = append(parts, strings.Join(here.Rules.Isolating(direction, pod), " "))
			if there != nil {
				parts = append(parts, there.Rules.View(direction, evaluator.Other{Pod: pod, Namespace: here.Rules}))
			}
		}
	}
	return strings.Join(parts, "\x00")
}

// party words whom of an end an answer is about, given the classes that it is not about.
func (x *explainer) party(e *end, these, others []*class) Party {
	out := Party{Name: e.Name}
	for _, c := range these {
		out.Pods += c.count
	}
	switch {
	case len(others) == 0:
	case e.place == nil:
		out.Which = families(these)
	case e.Kind == KindNamespace && these[0].made:
		out.Which = "such as one without labels"
	default:
		out.Which = distinguish(these, others, e.Kind)
	}
	return out
}

func families(these []*class) string {
	if these[0].address.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// distinguish says by what the pods of some classes differ from those of others: their workload, labels or network.
func distinguish(these, others []*class, kind EndKind) string {
	mine, theirs := members(these), members(others)
	if kind != KindWorkload && !shareWorkload(mine, theirs) {
		return workloadsInWords(mine)
	}
	if text := labelsThatDiffer(mine, theirs); text != "" {
		return text
	}
	if mine[0].HostNetwork {
		return "pods on the host network"
	}
	return fmt.Sprintf("such as one with %s", labelsInWords(mine[0].Labels))
}

func workloadsInWords(pods []*snapshot.Pod) string {
	var names []string
	for _, p := range pods {
		if name := p.Workload.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 3 {
		names = append(names[:3], fmt.Sprintf("%d more", len(names)-3))
	}
	return strings.Join(names, ", ")
}

// labelsThatDiffer names labels that all of some pods have and none of the others, or the other way round; empty when there are none.
func labelsThatDiffer(mine, theirs []*snapshot.Pod) string {
	common := commonLabels(mine)
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(common)) {
		if !slices.ContainsFunc(theirs, func(p *snapshot.Pod) bool { return p.Labels[k] == common[k] }) {
			parts = append(parts, k+"="+common[k])
		}
	}
	if len(parts) > 0 {
		return "pods with " + strings.Join(parts[:min(2, len(parts))], ", ")
	}
	for _, k := range slices.Sorted(maps.Keys(commonLabels(theirs))) {
		if !slices.ContainsFunc(mine, func(p *snapshot.Pod) bool { _, has := p.Labels[k]; return has }) {
			return "pods without label " + k
		}
	}
	return ""
}

func members(classes []*class) []*snapshot.Pod {
	var out []*snapshot.Pod
	for _, c := range classes {
		out = append(out, c.members...)
	}
	return out
}

func shareWorkload(a, b []*snapshot.Pod) bool {
	for _, p := range a {
		if slices.ContainsFunc(b, func(q *snapshot.Pod) bool { return p.Workload == q.Workload }) {
			return true
		}
	}
	return false
}

// commonLabels are the labels that all of the pods have in common, but for those that tell each of them from the others.
func commonLabels(pods []*snapshot.Pod) map[string]string {
	out := map[string]string{}
	for k, v := range pods[0].Labels {
		if !isVolatile(k) {
			out[k] = v
		}
	}
	for _, p := range pods[1:] {
		maps.DeleteFunc(out, func(k, v string) bool { other, has := p.Labels[k]; return !has || other != v })
	}
	return out
}

// isVolatile says whether a label is one that Kubernetes gives to pods of a version, or to each pod.
func isVolatile(key string) bool {
	return slices.Contains([]string{
		appsv1.DefaultDeploymentUniqueLabelKey, appsv1.ControllerRevisionHashLabelKey, appsv1.StatefulSetPodNameLabel, appsv1.PodIndexLabel,
		"pod-template-generation", "controller-uid", "job-name",
		batchv1.ControllerUidLabel, batchv1.JobNameLabel, batchv1.JobCompletionIndexAnnotation,
	}, key)
}

func labelsInWords(labels map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, k+"="+labels[k])
	}
	if len(parts) == 0 {
		return "no label"
	}
	return strings.Join(parts, ", ")
}
