package compiler

import (
	"runtime"
	"testing"

	"firebreak.dev/firebreak/internal/snapshot"
)

// BenchmarkCompile compiles what people have: an application of three tiers with DNS and HTTPS to the internet, and a profile for
// many namespaces, by itself and with what it came to in others remembered.
func BenchmarkCompile(b *testing.B) {
	var remembering Compiler
	for _, c := range []struct {
		name, file string
		compile    func(snapshot.Snapshot) []Output
	}{
		{"three-tier", "three-tier", Compile},
		{"cluster-over-namespaces", "cluster-over-namespaces", Compile},
		{"remembered", "cluster-over-namespaces", remembering.Compile},
	} {
		b.Run(c.name, func(b *testing.B) {
			cluster := readCluster(b, "testdata/"+c.file+".in.yaml")
			b.ReportAllocs()
			policies := 0
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				for _, namespace := range cluster.Namespaces {
					for _, output := range c.compile(cluster.In(namespace)) {
						policies += len(output.Policies)
					}
				}
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(policies)/b.Elapsed().Seconds(), "policies/s")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(policies), "allocs/policy")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(policies), "B/policy")
		})
	}
}
