package dataplane_test

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/harness"
	"firebreak.dev/firebreak/test/intent"
	"firebreak.dev/firebreak/test/random"
)

const (
	// tries bounds how many clusters are drawn for a topology, of which one in four proves something.
	tries = 200
	// provingPairs is how many pairs of pods there must be between which some but not all connections are allowed, and how many
	// between which none are.
	provingPairs = 4
)

// drawProfiles draws the first cluster of a number of which all profiles are enforced, and prove something even without Services.
func drawProfiles(number uint64) random.Cluster {
	GinkgoHelper()
	return draw(number, random.Drawer.Cluster, func(c random.Cluster) func(source, destination *snapshot.Pod) portset.Set {
		if slices.ContainsFunc(c.Profiles, func(p snapshot.Profile) bool { return p.Mode != v1alpha1.ModeEnforce }) {
			return nil
		}
		c.Facts = snapshot.Facts{}
		reading := intent.Read(c)
		return func(source, destination *snapshot.Pod) portset.Set {
			return reading.Between(evaluator.OfPod(source), evaluator.OfPod(destination)).Allowed
		}
	})
}

// drawForeign draws the first cluster of a number of which the NetworkPolicies prove something.
func drawForeign(number uint64) random.Cluster {
	GinkgoHelper()
	return draw(number, random.Drawer.Foreign, func(c random.Cluster) func(source, destination *snapshot.Pod) portset.Set {
		e, err := evaluator.New(evaluator.World{Namespaces: c.Namespaces, Pods: c.Pods, Policies: c.Policies})
		Expect(err).NotTo(HaveOccurred())
		matrix := e.Matrix()
		classOf := map[string]int{}
		for i, class := range matrix.Classes() {
			for _, member := range class.Members {
				classOf[c.Pods[member].Name] = i
			}
		}
		return func(source, destination *snapshot.Pod) portset.Set {
			return matrix.Between(classOf[source.Name], classOf[destination.Name]).Allowed
		}
	})
}

// draw draws clusters until one proves something: by allows, which is made for a cluster, is nil if it will not do, and returns what
// may flow between two of its pods. Only pods that can run are left in, and the operator's flags are those that it has.
func draw(
	number uint64, cluster func(random.Drawer) random.Cluster,
	allows func(random.Cluster) func(source, destination *snapshot.Pod) portset.Set,
) random.Cluster {
	GinkgoHelper()
	d := random.New(*seed, number)
	for range tries {
		c := cluster(d)
		c.Pods, c.Options = runnable(c.Pods), snapshot.DefaultOptions(harness.ManagerNamespace)
		if allowed := allows(c); allowed != nil && proves(c.Pods, allowed) {
			return c
		}
	}
	Fail(fmt.Sprintf("topology %d of seed %d: none of %d clusters proves anything", number, *seed, tries))
	return random.Cluster{}
}

func proves(pods []snapshot.Pod, allowed func(source, destination *snapshot.Pod) portset.Set) bool {
	packets := portset.Every(corev1.ProtocolTCP).Union(portset.Every(corev1.ProtocolUDP))
	some, none := 0, 0
	for i := range pods {
		for j := range pods {
			ports := allowed(&pods[i], &pods[j]).Intersect(packets)
			switch {
			case i == j || ports.Equal(packets):
			case ports.IsEmpty():
				none++
			default:
				some++
			}
		}
	}
	return min(some, none) >= provingPairs
}

// runnable returns the pods that can be had here: those with a network of their own.
func runnable(pods []snapshot.Pod) []snapshot.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p snapshot.Pod) bool { return p.HostNetwork || p.Completed || p.Addresses == nil })
}
