package connectivity

import (
	"fmt"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/snapshot"
)

// largeCluster returns 500 namespaces with 20 pods of 4 workloads each: 10,000 pods. So many of the namespaces have a profile
// of 3 tiers, hence 4 policies each.
func largeCluster(profiles int) *snapshot.Cluster {
	c := &snapshot.Cluster{Options: snapshot.DefaultOptions("firebreak-system")}
	for n := range 500 {
		name := fmt.Sprintf("team-%03d", n)
		c.Namespaces = append(c.Namespaces, snapshot.Namespace{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}})
		for w, app := range []string{"web", "api", "db", "cron"} {
			c.Pods = append(c.Pods, snapshot.Pod{
				Namespace: name, Labels: map[string]string{"app": app}, Count: 5, Workload: snapshot.Workload{Kind: "Deployment", Name: app},
				Ports:     []snapshot.ContainerPort{{Protocol: corev1.ProtocolTCP, Port: int32(8080 + w)}},
				Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(n / 250), byte(n % 250), byte(w)})},
			})
		}
		if n < profiles {
			c.Profiles = append(c.Profiles, largeProfile(name, n))
		}
	}
	return c
}

func largeProfile(namespace string, n int) snapshot.Profile {
	p := &v1alpha1.SegmentationProfile{}
	p.Name, p.Namespace = "app", namespace
	for _, app := range []string{"web", "api", "db"} {
		p.Spec.Tiers = append(p.Spec.Tiers, v1alpha1.Tier{
			Name: app, PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": v1alpha1.LabelValue(app)}},
			Ports: []v1alpha1.Port{{Port: intstr.FromInt32(8080)}},
		})
	}
	tier := func(name string) []v1alpha1.Peer { return []v1alpha1.Peer{{Tier: name}} }
	p.Spec.Allow = []v1alpha1.AllowEntry{
		{Name: "a", From: tier("web"), To: tier("api")}, {Name: "b", From: tier("api"), To: tier("db")},
		{Name: "c", From: []v1alpha1.Peer{{Pods: &v1alpha1.PodsPeer{Namespaces: []string{fmt.Sprintf("team-%03d", (n+1)%500)}}}}, To: tier("web")},
		{Name: "d", From: tier("api"), To: []v1alpha1.Peer{{Internet: &v1alpha1.InternetPeer{}}}, Ports: []v1alpha1.Port{{Port: intstr.FromInt32(443)}}},
	}
	return snapshot.FromSegmentationProfile(p)
}

func benchmarkView(b *testing.B, c *snapshot.Cluster) *View {
	b.Helper()
	o, err := outlook.Settled(c)
	if err != nil {
		b.Fatal(err)
	}
	return Of(o, WholeCluster)
}

// BenchmarkTable is 500 namespaces, 10,000 pods and 2,000 policies at once.
func BenchmarkTable(b *testing.B) {
	v := benchmarkView(b, largeCluster(500))
	for b.Loop() {
		m, err := Table(v, Scope{})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(m.Connections)), "connections")
	}
}

// BenchmarkTableOfOne is one of the namespaces with all it talks to.
func BenchmarkTableOfOne(b *testing.B) {
	v := benchmarkView(b, largeCluster(500))
	for b.Loop() {
		if _, err := Table(v, Scope{Namespaces: []string{"team-007"}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCompare closes one more namespace of half a cluster, and in another case all that are open.
func BenchmarkCompare(b *testing.B) {
	for _, after := range []int{251, 500} {
		b.Run(fmt.Sprintf("from 250 to %d profiles", after), func(b *testing.B) {
			x, y := benchmarkView(b, largeCluster(250)), benchmarkView(b, largeCluster(after))
			for b.Loop() {
				c, err := Compare(x, y, Scope{})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(c.Changes)), "changes")
			}
		})
	}
}
