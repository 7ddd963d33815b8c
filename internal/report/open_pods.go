package report

import (
	"fmt"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/finding"
)

// openPods counts the pods that no tier of a profile selects.
type openPods struct {
	pods, namespaces int
	// example is the first namespace in which there are some.
	example string
}

func (o *openPods) add(namespace string, pods int) {
	if pods == 0 {
		return
	}
	o.pods += pods
	o.namespaces++
	o.example = firstOf(o.example, namespace)
}

// finding says that a profile leaves pods open. It is one for the whole profile, so that status does not grow with the
// cluster, and it speaks of this profile alone: another one may well isolate them.
func (o *openPods) finding(in Input) []v1alpha1.Finding {
	if o.pods == 0 || !in.PodsKnown || in.Profile.Deleting || in.Profile.Isolation != v1alpha1.IsolationTiers {
		return nil
	}
	where := "namespace " + o.example
	if o.namespaces > 1 {
		where = namespaces(int32(o.namespaces)) + ", such as " + o.example //nolint:gosec // a cluster has far fewer
	}
	return []v1alpha1.Finding{finding.New(v1alpha1.CodeUncoveredPods, o.example, "isolation",
		"No tier of this profile selects %s in %s, and with isolation Tiers it leaves them open; add a tier for them, or use isolation Namespace.",
		runningPods(o.pods), where)}
}

func runningPods(n int) string {
	if n == 1 {
		return "1 running pod"
	}
	return fmt.Sprintf("%d running pods", n)
}
