package crd_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// field reads a value from an object; the path has no indexes.
func field(object *unstructured.Unstructured, path string) any {
	GinkgoHelper()
	value, found, err := unstructured.NestedFieldNoCopy(object.Object, strings.Split(path, ".")...)
	Expect(err).NotTo(HaveOccurred())
	Expect(found).To(BeTrue(), "%s is missing", path)
	return value
}

// haveUnseenStatus matches the status of a profile that no controller has looked at.
func haveUnseenStatus() OmegaMatcher {
	return SatisfyAll(
		HaveKeyWithValue("observedGeneration", BeEquivalentTo(-1)),
		HaveKeyWithValue("policies", BeEquivalentTo(0)),
		HaveKeyWithValue("tierCount", BeEquivalentTo(0)),
		HaveKeyWithValue("conditions", ConsistOf(SatisfyAll(
			HaveKeyWithValue("type", "Ready"),
			HaveKeyWithValue("status", "Unknown"),
			HaveKeyWithValue("reason", "Pending"),
		))),
	)
}

var _ = Describe("The API server fills in", func() {
	for _, k := range bothKinds() {
		Context("for a "+k.name, func() {
			It("the defaults of spec, and nothing else", func(ctx context.Context) {
				object := profile(k, "shop", tierPorts("{port: 80}"))
				Expect(tried(ctx, object)).To(Succeed())
				expected := profile(k, "shop", tierPorts("{port: 80, protocol: TCP}")+
					"\nmode: Enforce\nisolation: Namespace\ndns: Cluster\ndeletionPolicy: Delete\n")
				Expect(field(object, "spec")).To(Equal(field(expected, "spec")))
			})

			It("no default over what is given", func(ctx context.Context) {
				object := profile(k, "shop", tierPorts("{port: 53, protocol: UDP}")+
					"\nmode: Preview\nisolation: Tiers\ndns: None\ndeletionPolicy: Retain\n")
				given := object.DeepCopy()
				Expect(tried(ctx, object)).To(Succeed())
				Expect(field(object, "spec")).To(Equal(field(given, "spec")))
			})

			It("a status that says that nobody has looked yet", func(ctx context.Context) {
				object := created(ctx, profile(k, "shop", tiers))
				Expect(field(object, "status")).To(haveUnseenStatus(), "in the answer to the request")

				read := &unstructured.Unstructured{}
				read.SetGroupVersionKind(object.GroupVersionKind())
				Expect(apiServer.client.Get(ctx, client.ObjectKeyFromObject(object), read)).To(Succeed())
				Expect(field(read, "status")).To(haveUnseenStatus(), "when read")
			})

			It("that status whatever the manifest says", func(ctx context.Context) {
				object := profile(k, "shop", tiers)
				Expect(unstructured.SetNestedField(object.Object, int64(1), "status", "observedGeneration")).To(Succeed())
				Expect(field(created(ctx, object), "status")).To(haveUnseenStatus())
			})

			It("that status under a status that a controller writes, and only there", func(ctx context.Context) {
				object := created(ctx, profile(k, "shop", tiers))
				Expect(unstructured.SetNestedField(object.Object, object.GetGeneration(), "status", "observedGeneration")).To(Succeed())
				Expect(apiServer.client.Status().Update(ctx, object)).To(Succeed())
				Expect(field(object, "status.observedGeneration")).To(BeEquivalentTo(1))
			})
		})
	}
})
