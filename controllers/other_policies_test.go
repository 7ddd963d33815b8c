package controllers_test

import (
	"context"
	"fmt"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsclient "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/test/harness"
)

// watchOtherPolicies watches as a user, or with all rights, until the spec ends, and counts what is told.
func watchOtherPolicies(user string) (policies *cluster.OtherPolicies, told *atomic.Int32) {
	GinkgoHelper()
	as := rest.CopyConfig(config)
	as.Impersonate = rest.ImpersonationConfig{UserName: user}
	client, err := metadata.NewForConfig(metadata.ConfigFor(as))
	Expect(err).NotTo(HaveOccurred())
	definitions, err := apiextensionsclient.NewForConfig(as)
	Expect(err).NotTo(HaveOccurred())
	told = &atomic.Int32{}
	policies = cluster.NewOtherPolicies(func(string) { told.Add(1) })
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		policies.Watch(ctx, client, definitions.CustomResourceDefinitions())
	}()
	DeferCleanup(func() {
		stop()
		Eventually(done).Should(BeClosed(), "everything that was begun ends")
	})
	return policies, told
}

func definitions() apiextensionsclient.CustomResourceDefinitionInterface {
	GinkgoHelper()
	c, err := apiextensionsclient.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	return c.CustomResourceDefinitions()
}

// define installs a definition until the spec ends.
func define(ctx context.Context, definition *apiextensionsv1.CustomResourceDefinition) {
	GinkgoHelper()
	_, err := definitions().Create(ctx, definition, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { undefine(ctx, definition.Name) })
}

func undefine(ctx context.Context, name string) {
	GinkgoHelper()
	_ = definitions().Delete(ctx, name, metav1.DeleteOptions{})
	Eventually(func() error {
		_, err := definitions().Get(ctx, name, metav1.GetOptions{})
		return err
	}).ShouldNot(Succeed())
}

func ciliumPolicy(version, namespace string) *unstructured.Unstructured {
	policy := &unstructured.Unstructured{}
	policy.SetGroupVersionKind(schema.GroupVersionKind{Group: "cilium.io", Version: version, Kind: "CiliumNetworkPolicy"})
	policy.SetNamespace(namespace)
	policy.SetName(newName("cilium"))
	return policy
}

var _ = Describe("what is known of other policy APIs", Serial, func() {
	resource := schema.GroupResource{Group: "cilium.io", Resource: "ciliumnetworkpolicies"}
	said := func(policies *cluster.OtherPolicies, namespace string) func() string {
		return func() string {
			use := policies.In(namespace)
			if !use.Known {
				return "unread " + use.Unread.String()
			}
			return fmt.Sprintf("%d %s", use.Number, use.Kind.Kind)
		}
	}
	cilium := func() *apiextensionsv1.CustomResourceDefinition {
		return harness.Definition(resource, "CiliumNetworkPolicy", apiextensionsv1.NamespaceScoped)
	}

	It("follows definitions and objects as they come and go", func(ctx SpecContext) {
		shop, other := newNamespace(ctx, nil), newNamespace(ctx, nil)
		policies, told := watchOtherPolicies("")
		Eventually(said(policies, shop)).Should(Equal("0 "))
		By("installing the API")
		define(ctx, cilium())
		policy := ciliumPolicy("v1", shop)
		Eventually(func() error { return k8s.Create(ctx, policy) }).Should(Succeed())
		Eventually(said(policies, shop)).Should(Equal("1 CiliumNetworkPolicy"))
		Expect(said(policies, other)()).To(Equal("0 "))
		By("changing an object, which is no news")
		before := told.Load()
		policy.SetLabels(map[string]string{"a": "b"})
		Expect(k8s.Update(ctx, policy)).To(Succeed())
		Consistently(told.Load).Should(Equal(before))
		By("deleting the object")
		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		Eventually(said(policies, shop)).Should(Equal("0 "))
		By("deleting the API with an object in it")
		Eventually(func() error { return k8s.Create(ctx, ciliumPolicy("v1", other)) }).Should(Succeed())
		Eventually(said(policies, other)).Should(Equal("1 CiliumNetworkPolicy"))
		undefine(ctx, resource.String())
		Eventually(said(policies, other)).Should(Equal("0 "))
	})

	It("follows an API to another version, and does not know while none is served", func(ctx SpecContext) {
		shop := newNamespace(ctx, nil)
		define(ctx, cilium())
		Eventually(func() error { return k8s.Create(ctx, ciliumPolicy("v1", shop)) }).Should(Succeed())
		policies, _ := watchOtherPolicies("")
		Eventually(said(policies, shop)).Should(Equal("1 CiliumNetworkPolicy"))
		change := func(change func(*apiextensionsv1.CustomResourceDefinition)) {
			GinkgoHelper()
			Eventually(func(g Gomega) {
				definition, err := definitions().Get(ctx, resource.String(), metav1.GetOptions{})
				g.Expect(err).NotTo(HaveOccurred())
				change(definition)
				_, err = definitions().Update(ctx, definition, metav1.UpdateOptions{})
				g.Expect(err).NotTo(HaveOccurred())
			}).Should(Succeed())
		}
		change(func(d *apiextensionsv1.CustomResourceDefinition) { d.Spec.Versions[0].Served = false })
		Eventually(said(policies, shop)).Should(Equal("unread " + resource.String()))
		change(func(d *apiextensionsv1.CustomResourceDefinition) {
			next := d.Spec.Versions[0]
			next.Name, next.Served, next.Storage = "v2", true, false
			d.Spec.Versions = append(d.Spec.Versions, next)
		})
		Eventually(said(policies, shop)).Should(Equal("1 CiliumNetworkPolicy"))
		Eventually(func() error { return k8s.Create(ctx, ciliumPolicy("v2", shop)) }).Should(Succeed())
		Eventually(said(policies, shop)).Should(Equal("2 CiliumNetworkPolicy"))
	})

	It("is nothing where it may not look, until it may", func(ctx SpecContext) {
		shop, user := newNamespace(ctx, nil), newName("user")
		grant := func(group, resource string) {
			GinkgoHelper()
			role := create(ctx, &rbacv1.ClusterRole{
				ObjectMeta: metav1.ObjectMeta{Name: newName("reader")},
				Rules:      []rbacv1.PolicyRule{{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{"get", "list", "watch"}}},
			})
			create(ctx, &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: role.Name},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
				Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
			})
		}
		define(ctx, cilium())
		Eventually(func() error { return k8s.Create(ctx, ciliumPolicy("v1", shop)) }).Should(Succeed())
		policies, _ := watchOtherPolicies(user)
		Consistently(said(policies, shop)).Should(Equal("unread customresourcedefinitions.apiextensions.k8s.io"))
		grant("apiextensions.k8s.io", "customresourcedefinitions")
		Eventually(said(policies, shop)).Should(Equal("unread " + resource.String()))
		Consistently(said(policies, shop)).Should(Equal("unread " + resource.String()))
		grant(resource.Group, resource.Resource)
		Eventually(said(policies, shop)).Should(Equal("1 CiliumNetworkPolicy"))
	})
})
