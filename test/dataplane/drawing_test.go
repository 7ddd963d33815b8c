package dataplane_test

import (
	"fmt"
	"maps"
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
	// tries bounds how many clusters are drawn for a topology. Of those with profiles about one in eighty will do.
	tries = 2000
	// provingPairs is how many pairs of pods there must be between which some but not all connections are allowed, and how many
	// between which none are.
	provingPairs = 4
)

// drawProfiles draws the first cluster of a number of which all profiles are enforced and prove something even without Services, also
// that a peer that is chosen by pod and by namespace must match both.
func drawProfiles(number uint64) random.Cluster {
	GinkgoHelper()
	return draw(number, random.Drawer.Cluster, func(c random.Cluster) bool {
		if slices.ContainsFunc(c.Profiles, func(p snapshot.Profile) bool { return p.Mode != v1alpha1.ModeEnforce }) {
			return false
		}
		c.Facts = snapshot.Facts{}
		said := saidBetween(c)
		saysOtherwise := func(other random.Cluster) bool { return !maps.EqualFunc(said, saidBetween(other), portset.Set.Equal) }
		return proves(said) && slices.ContainsFunc(loosened(c), saysOtherwise)
	})
}

// saidBetween returns on which ports of TCP and UDP profiles let the pods of a cluster connect to each other, by index.
func saidBetween(c random.Cluster) map[[2]int]portset.Set {
	reading := intent.Read(c)
	return between(c.Pods, func(i, j int) portset.Set {
		return reading.Between(evaluator.OfPod(&c.Pods[i]), evaluator.OfPod(&c.Pods[j])).Allowed
	})
}

// loosened returns the clusters in which one peer that is chosen by pod and by namespace is taken for two, of which one is enough.
func loosened(c random.Cluster) []random.Cluster {
	var out []random.Cluster
	for i, p := range c.Profiles {
		for j, entry := range p.Allow {
			from, to := looser(entry.From), looser(entry.To)
			if len(from) == len(entry.From) && len(to) == len(entry.To) {
				continue
			}
			other := c
			other.Profiles = slices.Clone(c.Profiles)
			other.Profiles[i].Allow = slices.Clone(p.Allow)
			other.Profiles[i].Allow[j].From, other.Profiles[i].Allow[j].To = from, to
			out = append(out, other)
		}
	}
	return out
}

func looser(peers []v1alpha1.Peer) []v1alpha1.Peer {
	var out []v1alpha1.Peer
	for _, p := range peers {
		if p.Pods != nil && p.Pods.PodSelector != nil && (p.Pods.Namespaces != nil || p.Pods.NamespaceSelector != nil) {
			byNamespace := *p.Pods
			byNamespace.PodSelector = nil
			out = append(out, v1alpha1.Peer{Pods: &byNamespace})
			p = v1alpha1.Peer{Pods: &v1alpha1.PodsPeer{PodSelector: p.Pods.PodSelector}}
		}
		out = append(out, p)
	}
	return out
}

// drawForeign draws the first cluster of a number of which the NetworkPolicies prove something.
func drawForeign(number uint64) random.Cluster {
	GinkgoHelper()
	return draw(number, random.Drawer.Foreign, func(c random.Cluster) bool {
		e, err := evaluator.New(evaluator.World{Namespaces: c.Namespaces, Pods: c.Pods, Policies: c.Policies})
		Expect(err).NotTo(HaveOccurred())
		matrix := e.Matrix()
		classOf := map[int]int{}
		for i, class := range matrix.Classes() {
			for _, member := range class.Members {
				classOf[member] = i
			}
		}
		return proves(between(c.Pods, func(i, j int) portset.Set { return matrix.Between(classOf[i], classOf[j]).Allowed }))
	})
}

// draw draws clusters until one will do. Only pods that can run are left in, and the operator's flags are those that it has.
func draw(number uint64, cluster func(random.Drawer) random.Cluster, willDo func(random.Cluster) bool) random.Cluster {
	GinkgoHelper()
	d := random.New(*seed, number)
	for range tries {
		c := cluster(d)
		c.Pods, c.Options = runnable(c.Pods), snapshot.DefaultOptions(harness.ManagerNamespace)
		if willDo(c) {
			return c
		}
	}
	Fail(fmt.Sprintf("topology %d of seed %d: none of %d clusters proves anything", number, *seed, tries))
	return random.Cluster{}
}

// between asks about each two pods, of which no packet can be but TCP or UDP.
func between(pods []snapshot.Pod, allowed func(source, destination int) portset.Set) map[[2]int]portset.Set {
	out := map[[2]int]portset.Set{}
	for i := range pods {
		for j := range pods {
			if i != j {
				out[[2]int{i, j}] = allowed(i, j).Intersect(packets())
			}
		}
	}
	return out
}

// packets returns the ports on which a testbed can try connections.
func packets() portset.Set {
	return portset.Every(corev1.ProtocolTCP).Union(portset.Every(corev1.ProtocolUDP))
}

// proves says whether enough pairs are neither open to each other nor all closed.
func proves(allowed map[[2]int]portset.Set) bool {
	some, none := 0, 0
	for _, ports := range allowed {
		switch {
		case ports.IsEmpty():
			none++
		case !ports.Equal(packets()):
			some++
		}
	}
	return min(some, none) >= provingPairs
}

// runnable returns the pods that can be had here: those with a network of their own.
func runnable(pods []snapshot.Pod) []snapshot.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p snapshot.Pod) bool { return p.HostNetwork || p.Completed || p.Addresses == nil })
}
