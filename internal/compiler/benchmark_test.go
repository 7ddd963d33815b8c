package compiler

import (
	"runtime"
	"testing"
)

// BenchmarkCompile compiles what people have: an application of three tiers with DNS and HTTPS to the internet, and a profile for
// many namespaces.
func BenchmarkCompile(b *testing.B) {
	for _, name := range []string{"three-tier", "cluster-over-namespaces"} {
		b.Run(name, func(b *testing.B) {
			c := readCluster(b, "testdata/"+name+".in.yaml")
			b.ReportAllocs()
			policies := 0
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				for _, namespace := range c.Namespaces {
					for _, output := range Compile(c.In(namespace)) {
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
