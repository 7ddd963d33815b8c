package report

import (
	"fmt"
	"testing"

	"firebreak.dev/firebreak/internal/snapshot"
)

// BenchmarkStatus words the status of a cluster profile over many namespaces, which is done again and again while it is rolled out.
func BenchmarkStatus(b *testing.B) {
	input := in(baseline())
	outcome := came(Applied, 2)
	for i := range 5000 {
		input.Namespaces = append(input.Namespaces, NamespaceFacts{
			Namespace: snapshot.Namespace{Name: fmt.Sprintf("ns-%04d", i)}, Outcome: outcome,
			Pods: []snapshot.Pod{{Labels: map[string]string{"app": "web"}, Count: 10}},
		})
	}
	b.ReportAllocs()
	for b.Loop() {
		if status, _ := StatusAndFindings(input); status.Policies != 10000 {
			b.Fatalf("the status is %+v", status)
		}
	}
}
