package integration_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/test/harness"
)

const (
	profiles        = "segmentationprofiles"
	clusterProfiles = "clustersegmentationprofiles"
)

var (
	reading  = []string{"get", "list", "watch"}
	changing = []string{"create", "update", "patch", "delete", "deletecollection"}
)

// may lists the verbs that a user may use on a resource of Firebreak, or a "resource/subresource".
func may(ctx context.Context, user, namespace, resource string) []string {
	GinkgoHelper()
	resource, subresource, _ := strings.Cut(resource, "/")
	if resource == clusterProfiles {
		// Requests for them name no namespace, so a RoleBinding cannot allow them.
		namespace = ""
	}
	allowed := []string{}
	for _, verb := range append(append([]string{}, reading...), changing...) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: "firebreak.dev", Resource: resource, Subresource: subresource, Namespace: namespace, Verb: verb,
			},
		}}
		Expect(k8s.Create(ctx, review)).To(Succeed())
		if review.Status.Allowed {
			allowed = append(allowed, verb)
		}
	}
	return allowed
}

// newUser gives a ClusterRole to a user of its own: in a namespace, or in the whole cluster when that is empty.
func newUser(ctx context.Context, role, namespace string) string {
	GinkgoHelper()
	user := newName("user")
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
	var binding client.Object = &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: user}, Subjects: subjects, RoleRef: ref}
	if namespace != "" {
		binding = &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: user, Namespace: namespace}, Subjects: subjects, RoleRef: ref}
	}
	Expect(k8s.Create(ctx, binding)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { remove(ctx, binding) })
	return user
}

var _ = Describe("The roles for people", func() {
	all := append(append([]string{}, reading...), changing...)
	none := []string{}

	DescribeTable("give who has a role",
		func(ctx SpecContext, role, where string, want map[string][]string) {
			namespace := newNamespace(ctx, nil)
			user := newUser(ctx, role, map[string]string{"a namespace": namespace, "the cluster": ""}[where])
			for resource, verbs := range want {
				Eventually(func() []string { return may(ctx, user, namespace, resource) }).Should(Equal(verbs), resource)
			}
			Expect(may(ctx, user, namespace, profiles+"/finalizers")).To(BeEmpty())
			if where == "a namespace" {
				Expect(may(ctx, user, "default", profiles)).To(BeEmpty(), "elsewhere")
			}
		},
		Entry("view: reading", "view", "a namespace", map[string][]string{
			profiles: reading, profiles + "/status": {"get"}, clusterProfiles: none, clusterProfiles + "/status": none,
		}),
		Entry("edit: everything of a profile but its status", "edit", "a namespace", map[string][]string{
			profiles: all, profiles + "/status": {"get"}, clusterProfiles: none, clusterProfiles + "/status": none,
		}),
		Entry("admin: the same", "admin", "a namespace", map[string][]string{
			profiles: all, profiles + "/status": {"get"}, clusterProfiles: none, clusterProfiles + "/status": none,
		}),
		Entry("view of the cluster: reading cluster profiles, too", "view", "the cluster", map[string][]string{
			profiles: reading, profiles + "/status": {"get"}, clusterProfiles: reading, clusterProfiles + "/status": {"get"},
		}),
		Entry("edit of the cluster: reading, not changing, cluster profiles", "edit", "the cluster", map[string][]string{
			profiles: all, clusterProfiles: reading, clusterProfiles + "/status": {"get"},
		}),
		Entry("admin of the cluster: the same", "admin", "the cluster", map[string][]string{
			profiles: all, clusterProfiles: reading, clusterProfiles + "/status": {"get"},
		}),
		Entry("the viewer's own role: cluster profiles and nothing else", "firebreak-cluster-profile-viewer", "the cluster", map[string][]string{
			profiles: none, clusterProfiles: reading, clusterProfiles + "/status": {"get"},
		}),
		Entry("the editor's own role: everything of cluster profiles but their status", "firebreak-cluster-profile-editor", "the cluster", map[string][]string{
			profiles: none, clusterProfiles: all, clusterProfiles + "/status": {"get"},
		}),
	)

	It("let a team declare a profile, read its status, and not forge it", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		editor, viewer := newUser(ctx, "edit", namespace), newUser(ctx, "view", namespace)
		manifest := fmt.Sprintf("apiVersion: firebreak.dev/v1alpha1\nkind: SegmentationProfile\nmetadata: {name: shop, namespace: %s}\nspec: {tiers: []}\n", namespace)
		Eventually(func() error {
			_, _, err := plane.KubectlStdin(ctx, strings.NewReader(manifest), "--as="+editor, "apply", "-f", "-")
			return err
		}).Should(Succeed())
		kubectl(ctx, "--as="+viewer, "wait", "--for=condition=Ready", "--timeout=30s", "segp/shop", "-n", namespace)
		Expect(kubectl(ctx, "--as="+viewer, "get", "segp", "shop", "-n", namespace, "--subresource=status", "-o=jsonpath={.status.policies}")).To(Equal("1"))
		for _, user := range []string{editor, viewer} {
			_, stderr, err := plane.Kubectl(ctx, "--as="+user, "patch", "segp", "shop", "-n", namespace, "--subresource=status", "--type=merge", "-p={\"status\":null}")
			Expect(err).To(HaveOccurred())
			Expect(stderr).To(ContainSubstring("forbidden"))
		}
	})
})

var _ = Describe("Two replicas", func() {
	It("act one at a time, and the second takes over when the first crashes", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, profile)
		standby, err := plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: operatorKubeconfig})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) { resumeOperator(ctx) })
		Expect(standby.WaitReady(ctx, time.Minute)).To(Succeed())
		open := map[string]any{"spec": map[string]any{"egress": []any{map[string]any{}}}}
		closed := func() int { return len(policyOf(ctx, namespace, "default-deny").Spec.Egress) }

		patchObject(ctx, policyOf(ctx, namespace, "default-deny"), open)
		Eventually(closed).Should(BeZero())
		Expect(standby.Log()).NotTo(ContainSubstring(namespace), "it stands by")

		leader := holder(ctx)
		Expect(operator.Kill()).To(Succeed())
		operator = standby
		patchObject(ctx, policyOf(ctx, namespace, "default-deny"), open)
		// The lease lasts for 15 seconds, and a replica that stands by looks every two.
		Eventually(closed, "25s").Should(BeZero())
		Expect(holder(ctx)).NotTo(Or(BeEmpty(), Equal(leader)))
	})
})
