package integration_test

import (
	"context"
	"net/http"
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

// requests lists what the operator asked the API server for so far, in order.
func requests() []audit.Request {
	GinkgoHelper()
	return requestsOf(plane)
}

func requestsOf(plane *harness.ControlPlane) []audit.Request {
	GinkgoHelper()
	out, err := audit.Requests(plane)
	Expect(err).NotTo(HaveOccurred())
	return out
}

// policyWrites lists the operator's writes of policies in a namespace, in order.
func policyWrites(namespace string) []audit.Request {
	GinkgoHelper()
	return slices.DeleteFunc(requests(), func(r audit.Request) bool {
		return r.Object.Resource != "networkpolicies" || r.Object.Namespace != namespace ||
			!slices.Contains([]string{"create", "update", "patch", "delete"}, r.Verb)
	})
}

// refusedWrites lists those of policyWrites that the API server did not allow.
func refusedWrites(namespace string) []audit.Request {
	GinkgoHelper()
	return slices.DeleteFunc(policyWrites(namespace), func(r audit.Request) bool { return r.Response.Code != http.StatusForbidden })
}

func shipped() []audit.Grant {
	GinkgoHelper()
	grants, err := audit.Shipped(plane.Root())
	Expect(err).NotTo(HaveOccurred())
	return grants
}

// unlogged are the grants that no request shows. The admission plugin OwnerReferencesPermissionEnforcement asks for them, and runs in
// this suite: without them no policy could be created.
func unlogged() []audit.Grant {
	return []audit.Grant{
		{Group: "firebreak.dev", Resource: "clustersegmentationprofiles/finalizers", Verb: "update"},
		{Group: "firebreak.dev", Resource: "segmentationprofiles/finalizers", Verb: "update"},
	}
}

// defineOtherPolicies makes the definitions of the policies of other APIs, each with no object.
func defineOtherPolicies(ctx context.Context, plane *harness.ControlPlane) {
	GinkgoHelper()
	client, err := apiextensionsclient.NewForConfig(plane.Config())
	Expect(err).NotTo(HaveOccurred())
	for _, kind := range enforcement.OtherPolicyKinds() {
		_, err := client.CustomResourceDefinitions().Create(ctx, harness.Definition(kind.Resource, kind.Kind, apiextensionsv1.NamespaceScoped), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
	}
}

// unusedWhereListsAreNotStreamed are the grants that the operator made no use of on the API server of the spec below; nil until
// that spec has run.
var unusedWhereListsAreNotStreamed []audit.Grant

// The API server of this suite streams lists (KEP-3157), and then nothing is asked for by the verb "list".
var _ = Describe("On an API server that does not stream lists", func() {
	It("the operator lists everything, with the rights that are shipped", func(ctx SpecContext) {
		older, _ := startPlane(ctx, "WatchList=false")
		_, manager := startOperator(ctx, older)
		DeferCleanup(func() error { return manager.Stop() })
		defineOtherPolicies(ctx, older)

		lists := slices.DeleteFunc(shipped(), func(g audit.Grant) bool { return g.Verb != "list" })
		Expect(len(lists)).To(BeNumerically(">", 15))
		Eventually(func() []audit.Grant { return audit.Unused(lists, requestsOf(older)) }, "60s").Should(BeEmpty(), "granted, but never used")
		unusedWhereListsAreNotStreamed = audit.Unused(shipped(), requestsOf(older))
	})
})

// Whether the operator needs all that it may is known when all specs have run. That nothing was denied is looked at when a control
// plane ends.
var _ = AfterSuite(func() {
	if plane == nil || !runsAll() {
		return
	}
	var unused []audit.Grant
	for _, g := range audit.Unused(shipped(), requests()) {
		if slices.Contains(unusedWhereListsAreNotStreamed, g) {
			unused = append(unused, g)
		}
	}
	Expect(unused).To(Equal(unlogged()), "granted, but never used by this suite, or used although this says that no request shows it")
})
