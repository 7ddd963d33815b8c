package explanation

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// World is what is known, and in force.
type World struct {
	*outlook.Outlook
	// Partial: there may be more than is known, as when all of it comes from files.
	Partial bool
	// Settled: the policies are as they are to be, not as they are.
	Settled bool
}

// place is a namespace with what is in force, and what each profile wants there.
type place outlook.Namespace

// in returns a namespace. Where the world is partial, one that is not known is without policies and pods; otherwise it is an error.
// Known is false when nothing is known of it but its name.
func (w World) in(name string) (here *place, known bool, err error) {
	if ns := w.In(name); ns != nil {
		acts := slices.ContainsFunc(ns.Outputs, func(o compiler.Output) bool { return o.Selected })
		return (*place)(ns), !w.Partial || acts || len(ns.Policies)+len(ns.Pods) > 0, nil
	}
	if !w.Partial {
		return nil, false, fmt.Errorf("there is no namespace %s%s", name, didYouMean(name, w.names()))
	}
	empty, err := analyzer.NewPlace(snapshot.Namespace{Name: name, Labels: map[string]string{selector.NamespaceNameLabel: name}}, nil, nil)
	return &place{Place: empty}, false, err
}

func (w World) names() []string {
	var out []string
	for _, ns := range w.Namespaces {
		out = append(out, ns.Namespace.Name)
	}
	return out
}

// service returns a Service, and whether there is one.
func (w World) service(namespace, name string) (*corev1.Service, bool) {
	for i := range w.Cluster.Facts.Services {
		if s := &w.Cluster.Facts.Services[i]; s.Namespace == namespace && s.Name == name {
			return s, true
		}
	}
	return nil, false
}

// membership is a tier that a pod is in.
type membership struct {
	output *compiler.Output
	tier   string
}

// memberships returns the tiers that select a pod, of the profiles that act in its namespace or are previewed there: enforced ones
// first, those of the namespace's own kind first.
func (n *place) memberships(pod *snapshot.Pod) []membership {
	var out []membership
	if pod.HostNetwork {
		return nil
	}
	for i := range n.Outputs {
		o := &n.Outputs[i]
		if !o.Selected {
			continue
		}
		for _, tier := range o.Profile.Tiers {
			lives, err := snapshot.TierLivesIn(tier, n.Namespace)
			if err != nil || !lives {
				continue // a profile that cannot be read is frozen, and has no say here
			}
			compiled, err := selector.Compile(selector.FromAPI(tier.PodSelector))
			if err != nil {
				continue // as above
			}
			if compiled.Matches(labels.Set(pod.Labels)) {
				out = append(out, membership{o, tier.Name})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b membership) int { return rank(a.output) - rank(b.output) })
	return out
}

// rank orders profiles by whom to turn to first: those that are enforced, and among them those of the namespace itself.
func rank(o *compiler.Output) int {
	out := 0
	if o.Disposition != compiler.Enforce {
		out += 2
	}
	if o.Profile.Key.Namespace == "" {
		out++
	}
	return out
}

// maxNear is how many names an error lists.
const maxNear = 8

// didYouMean lists what is there instead of a name: what is like it, or else all of a few.
func didYouMean(name string, known []string) string {
	known = slices.Compact(slices.Sorted(slices.Values(known)))
	near := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return !alike(name, k) })
	switch {
	case len(near) > maxNear:
		near = near[:maxNear]
	case len(near) == 0 && len(known) <= maxNear:
		near = known
	}
	if len(near) == 0 {
		return ""
	}
	return "; there is " + strings.Join(near, ", ")
}

// alike says whether somebody may have meant one name by the other: one contains the other, they begin alike, or two letters
// make the difference.
func alike(a, b string) bool {
	last := func(s string) string { return strings.ToLower(s[strings.LastIndex(s, "/")+1:]) }
	a, b = last(a), last(b)
	return strings.Contains(a, b) || strings.Contains(b, a) || (len(a) >= 3 && len(b) >= 3 && a[:3] == b[:3]) || distance(a, b) <= 2
}

// distance is how many letters have to be put in, taken out or changed to make one text of the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Complete lists what ends may be asked for from a namespace: its tiers, workloads and Services, the other namespaces, and the
// internet. Sorted, each once.
func Complete(world World, namespace string) []string {
	out := []string{internet}
	for _, name := range world.names() {
		out = append(out, "ns/"+name)
	}
	if ns := world.In(namespace); ns != nil {
		out = append(out, workloads((*place)(ns))...)
	}
	for _, s := range world.Cluster.Facts.Services {
		if s.Namespace == namespace {
			out = append(out, "svc/"+s.Name)
		}
	}
	out = append(out, resolver{world, namespace}.tiers()...)
	slices.Sort(out)
	return slices.Compact(out)
}
