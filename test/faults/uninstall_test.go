package faults_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/test/harness"
)

// present says whether the operator can do something, and working whether it does all that it should.
func (r *removal) present() bool { return r.operator != nil && r.rights == nil }

func (r *removal) working() bool { return r.present() && !r.blind }

// ofOperator returns what takes the operator away, and what it needs, and gives it back.
func (r *removal) ofOperator() []deed {
	return []deed{
		{"delete the definition of SegmentationProfiles", func(ctx context.Context) { r.deleteDefinition(ctx, 0) }},
		{"delete the definition of ClusterSegmentationProfiles", func(ctx context.Context) { r.deleteDefinition(ctx, 1) }},
		{"kill the operator", r.stop},
		{"kill the operator and start it", func(ctx context.Context) {
			if r.operator != nil {
				r.stop(ctx)
				r.start(ctx)
			}
		}},
		{"start the operator", r.start},
		{"take its rights away", r.takeRights},
		{"give them back", r.giveRights},
		{"wait", r.settle},
	}
}

func (r *removal) start(ctx context.Context) {
	GinkgoHelper()
	if r.operator != nil {
		return
	}
	r.operator = r.site.startReplica(ctx, r.site.before, "--leader-elect=false")
	r.blind = r.definitions[0] != nil || r.definitions[1] != nil
	r.listing = time.Time{}
	r.list()
	r.tend()
}

// stop kills the operator: it may be about to start, so that it could not end in any other way.
func (r *removal) stop(context.Context) {
	if r.operator != nil {
		r.operator.kill()
		r.operator = nil
	}
}

// list takes note that the operator can list everything from now on, if it can.
func (r *removal) list() {
	if r.present() && r.listing.IsZero() {
		r.listing = time.Now()
	}
}

// hasListed says whether the operator has had the time to list everything.
func (r *removal) hasListed() bool {
	return !r.listing.IsZero() && time.Since(r.listing) > 5*time.Second
}

// tend takes note that the operator is at work, or may be.
func (r *removal) tend() {
	if r.present() {
		for _, w := range r.worlds {
			w.tend()
		}
	}
}

func (r *removal) takeRights(ctx context.Context) {
	GinkgoHelper()
	if r.rights != nil {
		return
	}
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "firebreak-manager"}}
	Expect(r.site.k8s.Get(ctx, client.ObjectKeyFromObject(binding), binding)).To(Succeed())
	if !r.hasListed() {
		r.listing = time.Time{}
	}
	Expect(r.site.k8s.Delete(ctx, binding)).To(Succeed())
	r.expectEntitled(ctx, false)
	r.rights = binding
}

func (r *removal) giveRights(ctx context.Context) {
	GinkgoHelper()
	if r.rights == nil {
		return
	}
	r.rights.ResourceVersion, r.rights.UID = "", ""
	Expect(r.site.k8s.Create(ctx, r.rights)).To(Succeed())
	r.expectEntitled(ctx, true)
	r.rights = nil
	r.list()
	r.tend()
}

// expectEntitled waits until the API server has heard what the operator may do.
func (r *removal) expectEntitled(ctx context.Context, entitled bool) {
	GinkgoHelper()
	user := fmt.Sprintf("system:serviceaccount:%s:%s", harness.ManagerNamespace, harness.ManagerServiceAccount)
	Eventually(func() (bool, error) {
		review, err := r.site.admin.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "delete", Group: "networking.k8s.io", Resource: "networkpolicies"},
		}}, metav1.CreateOptions{})
		return err == nil && review.Status.Allowed, err
	}).Should(Equal(entitled))
}

// definition returns a CustomResourceDefinition without content.
func definition(kind int) *unstructured.Unstructured {
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	out.SetName([]string{"segmentationprofiles.firebreak.dev", "clustersegmentationprofiles.firebreak.dev"}[kind])
	return out
}

// deleteDefinition deletes the CustomResourceDefinition of a kind, and with it all profiles of the kind.
func (r *removal) deleteDefinition(ctx context.Context, kind int) {
	GinkgoHelper()
	d := definition(kind)
	Expect(r.site.k8s.Get(ctx, client.ObjectKeyFromObject(d), d)).To(Succeed())
	Expect(r.site.k8s.Delete(ctx, definition(kind))).To(Succeed())
	for _, field := range []string{"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "finalizers"} {
		unstructured.RemoveNestedField(d.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(d.Object, "status")
	r.definitions[kind] = d
	r.blind = r.blind || !r.hasListed()
	for _, w := range r.worlds {
		for _, p := range w.parts {
			if p.isCluster() == (kind == 1) && !p.deleted {
				p.deleted, p.tended, p.cascade = true, r.present(), metav1.DeletePropagationBackground
			}
		}
	}
}

// restore makes the CustomResourceDefinition of a kind again.
func (r *removal) restore(ctx context.Context, kind int) {
	GinkgoHelper()
	if r.definitions[kind] == nil {
		return
	}
	Expect(r.site.k8s.Create(ctx, r.definitions[kind])).To(Succeed(), r.text())
	r.definitions[kind] = nil
}

// restartGarbageCollector lets the garbage collector know all kinds that there are now, and returns when it is at work.
func (s *site) restartGarbageCollector(ctx context.Context) {
	GinkgoHelper()
	Expect(s.plane.RestartControllerManager(ctx)).To(Succeed())
	orphan := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, GenerateName: "orphan-", OwnerReferences: []metav1.OwnerReference{
		{APIVersion: "v1", Kind: "ConfigMap", Name: "nobody", UID: "nobody"},
	}}}
	Expect(s.k8s.Create(ctx, orphan)).To(Succeed())
	Eventually(s.gone).WithArguments(ctx, orphan).WithTimeout(backWithin).Should(Succeed())
}
