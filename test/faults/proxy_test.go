package faults_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"firebreak.dev/firebreak/test/faults/proxy"
)

var _ = Describe("The proxy before a real API server", func() {
	It("adds no rights, loses replies of what is committed, and freezes an informer until the thaw", func(ctx SpecContext) {
		client, err := kubernetes.NewForConfig(throughProxy(editor(ctx)))
		Expect(err).NotTo(HaveOccurred())
		valve := &proxy.Valve{}
		before.SetRules(
			&proxy.Rule{Name: "lost", Requests: proxy.Requests{Verbs: proxy.Writes(), Resources: []string{"configmaps"}}, When: proxy.Nth(2), Fault: proxy.LoseReply()},
			&proxy.Rule{Name: "frozen", Requests: proxy.Requests{Verbs: []string{"watch"}, Resources: []string{"configmaps"}}, Fault: valve.Fault()},
		)

		By("having the rights of the client's token, and no others")
		_, err = client.CoreV1().Secrets("default").List(ctx, metav1.ListOptions{})
		Expect(err).To(Satisfy(apierrors.IsForbidden))

		informer := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace("default")).Core().V1().ConfigMaps()
		go informer.Informer().Run(ctx.Done())
		Expect(cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced)).To(BeTrue())
		seen := func(name string) func() error {
			return func() error {
				_, err := informer.Lister().ConfigMaps("default").Get(name)
				return err
			}
		}

		By("passing on what is written, and what a watch delivers")
		Expect(create(ctx, client, "first")).To(Succeed())
		Eventually(seen("first")).Should(Succeed())

		By("losing a reply")
		valve.Freeze()
		Expect(create(ctx, client, "second")).NotTo(Or(Succeed(), Satisfy(apierrors.IsAlreadyExists)))
		_, err = admin.CoreV1().ConfigMaps("default").Get(ctx, "second", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred(), "what was written is committed")
		Expect(create(ctx, client, "second")).To(Satisfy(apierrors.IsAlreadyExists))

		By("freezing the watch until the thaw")
		Consistently(seen("second")).Should(Satisfy(apierrors.IsNotFound))
		valve.Thaw()
		Eventually(seen("second")).Should(Succeed())
		Expect(before.Counts()).To(And(HaveKeyWithValue("lost", 1), HaveKeyWithValue("frozen", 1)), lastActs)
	})
})

func create(ctx context.Context, client *kubernetes.Clientset, name string) error {
	_, err := client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	return err
}

// editor returns the token of a ServiceAccount that may do everything with the ConfigMaps of the default namespace, and
// nothing else.
func editor(ctx context.Context) string {
	GinkgoHelper()
	account, err := admin.CoreV1().ServiceAccounts("default").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "editor"}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	_, err = admin.RbacV1().Roles("default").Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "editor"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"*"}}},
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	_, err = admin.RbacV1().RoleBindings("default").Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "editor"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "editor"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "editor"}},
	}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	token, err := plane.ServiceAccountToken(ctx, account.Namespace, account.Name)
	Expect(err).NotTo(HaveOccurred())
	return token
}
