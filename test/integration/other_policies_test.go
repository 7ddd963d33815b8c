package integration_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsclient "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/enforcement"
	"firebreak.dev/firebreak/test/audit"
	"firebreak.dev/firebreak/test/harness"
)

var _ = Describe("A cluster with other policy APIs", func() {
	It("is looked over for their objects as soon as they are there, with the rights that are shipped", func(ctx SpecContext) {
		client, err := apiextensionsclient.NewForConfig(plane.Config())
		Expect(err).NotTo(HaveOccurred())
		// When a kind of a group is asked for its objects: the watches, without those that were refused.
		watched := func(kind enforcement.PolicyKind) func() bool {
			want := audit.Grant{Group: kind.Resource.Group, Resource: kind.Resource.Resource, Verb: "watch"}
			return func() bool {
				return slices.ContainsFunc(requests(), func(r audit.Request) bool { return r.Grant() == want && r.Response.Code == 200 })
			}
		}
		for _, kind := range enforcement.OtherPolicyKinds() {
			Expect(watched(kind)()).To(BeFalse(), "asked for %s, which are not there", kind)
		}
		for _, kind := range enforcement.OtherPolicyKinds() {
			_, err := client.CustomResourceDefinitions().Create(ctx, harness.Definition(kind.Resource, kind.Kind, apiextensionsv1.NamespaceScoped), metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(func(ctx SpecContext) {
				Expect(client.CustomResourceDefinitions().Delete(ctx, kind.Resource.String(), metav1.DeleteOptions{})).To(Succeed())
			})
		}
		for _, kind := range enforcement.OtherPolicyKinds() {
			Eventually(watched(kind), "60s").Should(BeTrue(), "asked for %s", kind)
		}
	})
})
