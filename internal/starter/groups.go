package starter

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// group is pods of one namespace that play the same part, as far as labels tell.
type group struct {
	namespace string
	// workloads made them, sorted. None for pods of which only a record tells.
	workloads []snapshot.Workload
	// labels are those that all of them have and that say which part they play.
	labels map[string]string
	// selector chooses them and no others of the namespace that are known; nil when no selector does.
	selector *metav1.LabelSelector
	pods     []snapshot.Pod
	// tier is theirs, in the namespace that a profile is proposed for; nil when they have none.
	tier *v1alpha1.Tier
}

// groupsOf returns the pods of a namespace by the parts that they play, in the order of their workloads' names. Pods that have ended
// for good, and those on the host network, which no policy governs, are left out. Behind these stand the groups of which only records
// tell, which are given by their labels.
func groupsOf(namespace string, pods []snapshot.Pod, told []map[string]string) []*group {
	out := byIdentity(byWorkload(namespace, pods))
	for _, labels := range told {
		if !slices.ContainsFunc(out, func(g *group) bool { return maps.Equal(g.labels, labels) }) {
			out = append(out, &group{namespace: namespace, labels: labels})
		}
	}
	for _, here := range out {
		var others []map[string]string
		for _, other := range out {
			if other != here {
				others = append(others, other.allLabels()...)
			}
		}
		if here.isTold() {
			here.selector = selectingAll(here.labels, others)
			continue
		}
		here.selector = selecting(here.labels, here.allLabels(), others)
	}
	return out
}

// isTold says whether only records tell of the group.
func (g *group) isTold() bool { return len(g.pods) == 0 }

// byWorkload returns a group for each workload, in the order of their names.
func byWorkload(namespace string, pods []snapshot.Pod) []*group {
	found := map[snapshot.Workload]*group{}
	for _, pod := range pods {
		if pod.Completed || pod.HostNetwork {
			continue
		}
		here := found[pod.Workload]
		if here == nil {
			here = &group{namespace: namespace, workloads: []snapshot.Workload{pod.Workload}, labels: identifying(pod.Labels)}
			found[pod.Workload] = here
		}
		here.pods = append(here.pods, pod)
		here.labels = common(here.labels, pod.Labels)
	}
	names := slices.SortedFunc(maps.Keys(found), func(a, b snapshot.Workload) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	out := make([]*group, 0, len(names))
	for _, name := range names {
		out = append(out, found[name])
	}
	return out
}

// byIdentity puts workloads together whose pods have the same labels.
func byIdentity(workloads []*group) []*group {
	found := map[string]*group{}
	var out []*group
	for _, here := range workloads {
		identity := fingerprint(here.labels)
		if same := found[identity]; same != nil {
			same.workloads = append(same.workloads, here.workloads...)
			same.pods = append(same.pods, here.pods...)
			continue
		}
		found[identity] = here
		out = append(out, here)
	}
	return out
}

// identifying returns the labels that say which part a pod plays, and not which pod, roll-out or version of it. What is no label, as in
// a file that nobody checked, is left out.
func identifying(labels map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range labels {
		if !isPassing(key) && len(validation.IsQualifiedName(key)) == 0 && len(validation.IsValidLabelValue(value)) == 0 {
			out[key] = value
		}
	}
	return out
}

// isPassing says whether a label changes with each pod, roll-out or version.
func isPassing(key string) bool {
	switch key {
	case "pod-template-hash", "pod-template-generation", "controller-revision-hash", "controller-uid", "job-name",
		"statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "helm.sh/chart", "app.kubernetes.io/managed-by":
		return true
	}
	switch key[strings.LastIndex(key, "/")+1:] {
	case "version", "track", "canary", "revision", "color", "colour":
		return true
	}
	return strings.HasPrefix(key, "batch.kubernetes.io/")
}

// common returns what is in both.
func common(a, b map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range a {
		if other, has := b[key]; has && other == value {
			out[key] = value
		}
	}
	return out
}

// hasAll says whether labels have all of those that are wanted.
func hasAll(have, want map[string]string) bool {
	for key, value := range want {
		if other, has := have[key]; !has || other != value {
			return false
		}
	}
	return true
}

func fingerprint(labels map[string]string) string {
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		out.WriteString(key + "=" + labels[key] + "\n")
	}
	return out.String()
}

// name is what people would call the group: by the label that tells most, else by its workload.
func (g *group) name() string {
	byLabel := ""
	if g.selector != nil {
		byLabel = selector.Name(g.selector)
		for _, key := range preferred() {
			if value, has := g.selector.MatchLabels[key]; has && byLabel == "" {
				byLabel = value
			}
		}
	}
	if byLabel == "" && len(g.workloads) > 0 {
		return g.workloads[0].Name
	}
	return byLabel
}

// made returns what made the pods of the group: "Deployment web, Job backup".
func (g *group) made() string {
	var out []string
	for _, w := range g.workloads {
		out = append(out, w.String())
	}
	return listed(out)
}
