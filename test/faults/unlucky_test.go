package faults_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
	"firebreak.dev/firebreak/test/harness"
)

const (
	// convergedWithin is how long the operator has for many namespaces, or when the API server does not refuse any more.
	convergedWithin = time.Minute
	// noise is how long a machine that is busy may take for what takes no time.
	noise = 5 * time.Second
)

// misfortune is a cause for which the API server itself refuses policies in some namespaces of a region.
type misfortune struct {
	name string
	// says is what the API server answers.
	says string
	// befall brings it about, and returns what ends it. The operator does not see namespaces change between the two.
	befall func(context.Context, *region) (lift func(context.Context))
}

// misfortunes returns those that are met. The first is met every day.
func misfortunes() []misfortune {
	return []misfortune{
		{"a quota leaves no room for policies", "exceeded quota", exhaustQuota},
		{"an admission policy denies them", "out of luck", denyAdmission},
		{"rights are missing", "cannot create resource", takeRights},
		{"they are being deleted, which the operator does not see", "being terminated", terminate},
	}
}

// exhaustQuota gives each unlucky namespace a quota. Its status is what a controller would write.
func exhaustQuota(ctx context.Context, r *region) func(context.Context) {
	GinkgoHelper()
	const policies = "count/networkpolicies.networking.k8s.io"
	for _, name := range r.unlucky {
		quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "no-policies"}}
		quota.Spec.Hard = corev1.ResourceList{policies: resource.MustParse("0")}
		Expect(k8s.Create(ctx, quota)).To(Succeed())
		quota.Status.Hard, quota.Status.Used = quota.Spec.Hard, quota.Spec.Hard
		Expect(k8s.Status().Update(ctx, quota)).To(Succeed())
	}
	return func(ctx context.Context) {
		GinkgoHelper()
		for _, name := range r.unlucky {
			Expect(k8s.Delete(ctx, &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "no-policies"}})).To(Succeed())
		}
	}
}

// denyAdmission lets a ValidatingAdmissionPolicy deny policies in unlucky namespaces.
func denyAdmission(ctx context.Context, r *region) func(context.Context) {
	GinkgoHelper()
	deny := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: r.name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{regionLabel: r.name, luckLabel: bad}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{networkingv1.GroupName}, APIVersions: []string{"v1"}, Resources: []string{"networkpolicies"}},
				}}},
			},
			Validations: []admissionv1.Validation{{Expression: "false", Message: "out of luck"}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: r.name},
		Spec:       admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: r.name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}},
	}
	lift := func(ctx context.Context) {
		GinkgoHelper()
		for _, object := range []client.Object{binding, deny} {
			Expect(client.IgnoreNotFound(k8s.Delete(ctx, object))).To(Succeed())
		}
	}
	DeferCleanup(func(ctx SpecContext) { lift(ctx) })
	Expect(k8s.Create(ctx, deny)).To(Succeed())
	Expect(k8s.Create(ctx, binding)).To(Succeed())
	return lift
}

// takeRights leaves the operator the right to write policies in lucky namespaces only.
func takeRights(ctx context.Context, r *region) func(context.Context) {
	GinkgoHelper()
	policies := rbacv1.PolicyRule{APIGroups: []string{networkingv1.GroupName}, Resources: []string{"networkpolicies"}, Verbs: []string{"create", "update", "delete"}}
	Expect(k8s.Create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: r.name}, Rules: []rbacv1.PolicyRule{policies}})).To(Succeed())
	for _, name := range r.lucky {
		Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: r.name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: r.name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: harness.ManagerNamespace, Name: harness.ManagerServiceAccount}},
		})).To(Succeed())
	}
	for _, name := range r.unlucky {
		excuses.Namespace(name)
	}
	setVerbs := func(ctx context.Context, verbs ...string) {
		GinkgoHelper()
		var role rbacv1.ClusterRole
		Expect(k8s.Get(ctx, client.ObjectKey{Name: "firebreak-manager"}, &role)).To(Succeed())
		i := slices.IndexFunc(role.Rules, func(rule rbacv1.PolicyRule) bool {
			return slices.Equal(rule.APIGroups, policies.APIGroups) && slices.Equal(rule.Resources, policies.Resources)
		})
		Expect(i).To(BeNumerically(">=", 0))
		role.Rules[i].Verbs = verbs
		Expect(k8s.Update(ctx, &role)).To(Succeed())
	}
	lift := func(ctx context.Context) {
		GinkgoHelper()
		setVerbs(ctx, append([]string{"list", "watch"}, policies.Verbs...)...)
	}
	DeferCleanup(func(ctx SpecContext) { lift(ctx) })
	setVerbs(ctx, "list", "watch")
	return lift
}

// terminate deletes the unlucky namespaces, which somebody's finalizer keeps, and makes them anew in the end.
func terminate(ctx context.Context, r *region) func(context.Context) {
	GinkgoHelper()
	const finalizer = "example.com/kept"
	setFinalizers := func(ctx context.Context, name string, change func([]corev1.FinalizerName) []corev1.FinalizerName) error {
		ns, err := admin.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		ns.Spec.Finalizers = change(ns.Spec.Finalizers)
		_, err = admin.CoreV1().Namespaces().Finalize(ctx, ns, metav1.UpdateOptions{})
		return err
	}
	for _, name := range r.unlucky {
		Eventually(setFinalizers).WithArguments(ctx, name, func(old []corev1.FinalizerName) []corev1.FinalizerName { return append(old, finalizer) }).Should(Succeed())
		Expect(admin.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})).To(Succeed())
	}
	release := func(ctx context.Context) {
		GinkgoHelper()
		for _, name := range r.unlucky {
			Eventually(func() error {
				return client.IgnoreNotFound(setFinalizers(ctx, name, func(old []corev1.FinalizerName) []corev1.FinalizerName {
					return slices.DeleteFunc(old, func(f corev1.FinalizerName) bool { return f == finalizer })
				}))
			}).Should(Succeed())
		}
	}
	DeferCleanup(func(ctx SpecContext) { release(ctx) })
	return func(ctx context.Context) {
		GinkgoHelper()
		release(ctx)
		for _, name := range r.unlucky {
			Eventually(func() error {
				_, err := admin.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
				return err
			}).WithTimeout(time.Minute).Should(Satisfy(apierrors.IsNotFound))
			r.newNamespace(ctx, name, bad)
		}
	}
}

// triesWithin is how often something is tried in a time at most: at once, and after waits that double from 100 ms to 15 s.
func triesWithin(lasted time.Duration) int {
	tries := 1
	for wait := 100 * time.Millisecond; lasted >= wait; wait = min(2*wait, 15*time.Second) {
		lasted -= wait
		tries++
	}
	return tries
}

var _ = Describe("Namespaces in which the API server refuses policies", func() {
	for i, m := range misfortunes() {
		it := soakIt
		if i == 0 {
			it = func(text string, args ...any) bool { return It(text, args...) }
		}
		it("are named, tried again with patience, and hold up nobody, when "+m.name, func(ctx SpecContext) {
			size, unlucky, lasts := 20, 2, time.Second
			if soaking() {
				size, unlucky, lasts = 100, 10, 15*time.Second
			}
			namespaces := &proxy.Valve{}
			before.SetRules(
				&proxy.Rule{Name: "write to a region", Requests: proxy.Requests{Verbs: proxy.Writes(), Resources: []string{"networkpolicies"}}, Fault: proxy.Note()},
				&proxy.Rule{Name: "namespaces", Requests: proxy.Requests{Verbs: []string{"watch"}, Resources: []string{"namespaces"}}, Fault: namespaces.Fault()},
			)
			operator := startMortal(ctx)
			r := newRegion(ctx, size, unlucky)
			usual := r.usual(ctx)

			By("refusing")
			namespaces.Freeze()
			lift := m.befall(ctx, r)
			for _, name := range r.unlucky {
				Eventually(r.refuses).WithArguments(ctx, name).Should(BeTrue(), name)
			}
			Eventually(r.refuses).WithArguments(ctx, r.lucky[0]).Should(BeFalse())
			acts, began := len(before.Acts()), time.Now()
			p := r.declare(ctx, "shop", nil)
			end := readyVersions(ctx, p)
			took := r.await(ctx, p, r.lucky, r.areWhole)
			Expect(took).To(BeNumerically("<", max(noise, 2*usual)), "the others are not held up")

			By("saying so")
			Eventually(func() string { return r.unsaid(ctx, p, m.says) }).Should(BeEmpty())
			Consistently(func() string { return r.unsaid(ctx, p, m.says) }).WithTimeout(lasts).Should(BeEmpty())

			By("trying again with patience")
			lasted := time.Since(began)
			most := 0
			for _, name := range r.unlucky {
				tries := count("write to a region", name, acts)
				most = max(most, tries)
				// Both tiers each time, and some times more because of something else.
				Expect(tries).To(And(BeNumerically(">=", 2), BeNumerically("<=", 2*(triesWithin(lasted)+3))), name)
			}

			By("healing")
			lift(ctx)
			lifted := time.Now()
			Expect(end()).To(BeEmpty(), "the profile is not ready meanwhile")
			namespaces.Thaw()
			r.await(ctx, p, append(slices.Clone(r.lucky), r.unlucky...), r.areWhole)
			Eventually(func() string { return readiness(ctx, p) }).WithTimeout(convergedWithin - time.Since(lifted)).Should(HavePrefix("True/"))
			Expect(operator.ailing()).To(Succeed())
			AddReportEntry(account.EntryName, account.Account{
				Test: fmt.Sprintf("%d of %d namespaces out of luck: %s", unlucky, size, m.name), Faults: unlucky, Recoveries: []time.Duration{time.Since(lifted)},
				Note: fmt.Sprintf("the others took %.1f s, %.1f s without; at most %d writes refused in a namespace in %.0f s", took.Seconds(), usual.Seconds(), most, lasted.Seconds()),
			})
		})
	}
})

// unsaid returns what the status of a profile should say of its unlucky namespaces and does not; empty when it says everything.
func (r *region) unsaid(ctx context.Context, p *v1alpha1.ClusterSegmentationProfile, cause string) string {
	GinkgoHelper()
	if is := readiness(ctx, p); is != "False/"+v1alpha1.ReasonApplyFailed {
		return "Ready is " + is
	}
	counts := p.Status.Namespaces
	if counts == nil || int(counts.Applied) != len(r.lucky) || int(counts.Failed) != len(r.unlucky) {
		return fmt.Sprintf("the counts are %+v", counts)
	}
	message := readyOf(p).Message
	for _, text := range append([]string{cause}, r.unlucky...) {
		if !strings.Contains(message, text) {
			return fmt.Sprintf("%s is not in %q", text, message)
		}
	}
	return ""
}
