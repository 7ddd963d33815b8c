package plan

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
)

// BenchmarkNew plans for a namespace with three policies: where all is as it should be, and where one was changed.
func BenchmarkNew(b *testing.B) {
	outputs := compile(shop("a", "ingress", "metrics"), shop("b", "batch"), shop("c", "ingress"))
	var live []*networkingv1.NetworkPolicy
	for _, o := range outputs {
		for i := range o.Policies {
			live = append(live, o.Policies[i].DeepCopy())
		}
	}
	changed := append([]*networkingv1.NetworkPolicy{live[0].DeepCopy()}, live[1:]...)
	changed[0].Spec.Ingress = append(changed[0].Spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
	for name, c := range map[string]struct {
		live []*networkingv1.NetworkPolicy
		want int
	}{"rest": {live, 0}, "drift": {changed, 1}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := New(Input{Outputs: outputs, Live: c.live}).Len(); got != c.want {
					b.Fatalf("%d changes, want %d", got, c.want)
				}
			}
		})
	}
}
