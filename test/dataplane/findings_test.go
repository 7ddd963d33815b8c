package dataplane_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// place is where a finding belongs, and what it is.
type place struct {
	Code             v1alpha1.FindingCode
	Namespace, Place string
}

// expectFindings expects the findings of a profile's status to be these, in any order, and besides them that nothing in the
// cluster says which network plugin it has.
func expectFindings(ctx context.Context, profile client.Object, wanted ...place) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		findings := status(ctx, g, profile).Findings
		places := []place{}
		wanted := append([]place{{Code: v1alpha1.CodeNotEnforced}}, wanted...)
		for _, f := range findings {
			places = append(places, place{f.Code, f.Namespace, f.Place})
		}
		g.Expect(places).To(ConsistOf(wanted), "%v", findings)
	}).Should(Succeed(), "the findings of %s", profile.GetName())
}
