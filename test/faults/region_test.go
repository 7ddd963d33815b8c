package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/harness"
)

// How namespaces of a region are told apart.
const (
	regionLabel = "region"
	luckLabel   = "luck"
	good, bad   = "good", "bad"
)

// regionSpec is the spec of a cluster profile over namespaces that have some labels, given as YAML in braces.
const regionSpec = `
dns: None
namespaceSelector: {matchLabels: %s}
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}
- {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}
allow: [{name: web-db, from: [{tier: web}], to: [{tier: db}]}]`

// region is namespaces over which a cluster profile is declared, in some of which the API server will refuse policies.
type region struct {
	name           string
	lucky, unlucky []string
	// want are the specs of the policies of each namespace where nothing fails, by tier.
	want map[string]string
	// asOperator has the rights of the operator's ServiceAccount, and does not go through the proxy.
	asOperator kubernetes.Interface
}

// newRegion makes namespaces, which go when the spec ends.
func newRegion(ctx context.Context, size, unlucky int) *region {
	GinkgoHelper()
	lastNamespace++
	r := &region{name: fmt.Sprintf("region-%d", lastNamespace)}
	for i := range size {
		luck, list := good, &r.lucky
		if i < unlucky {
			luck, list = bad, &r.unlucky
		}
		name := fmt.Sprintf("%s-%s-%03d", r.name, luck, i)
		r.newNamespace(ctx, name, luck)
		*list = append(*list, name)
	}
	DeferCleanup(func(ctx SpecContext) {
		for _, name := range append(r.lucky, r.unlucky...) {
			ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
			Expect(client.IgnoreNotFound(k8s.Delete(ctx, ns))).To(Succeed())
		}
	})
	config := plane.Config()
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + harness.ManagerNamespace + ":" + harness.ManagerServiceAccount}
	var err error
	r.asOperator, err = kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	return r
}

func (r *region) newNamespace(ctx context.Context, name, luck string) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{regionLabel: r.name, luckLabel: luck},
	}})).To(Succeed())
}

// declare creates a cluster profile over the namespaces of the region that have these labels, too, which goes when the spec ends.
func (r *region) declare(ctx context.Context, name string, labels map[string]string) *v1alpha1.ClusterSegmentationProfile {
	GinkgoHelper()
	selected := map[string]string{regionLabel: r.name}
	maps.Copy(selected, labels)
	text, err := json.Marshal(selected)
	Expect(err).NotTo(HaveOccurred())
	p := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: r.name + "-" + name}}
	Expect(yaml.UnmarshalStrict(fmt.Appendf(nil, regionSpec, text), &p.Spec)).To(Succeed())
	Expect(k8s.Create(ctx, p)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, p))).To(Succeed()) })
	return p
}

// policies returns the specs of a profile's policies as JSON, by namespace and tier.
func (r *region) policies(ctx context.Context, p *v1alpha1.ClusterSegmentationProfile) (map[string]map[string]string, error) {
	var list networkingv1.NetworkPolicyList
	labels := client.MatchingLabels{v1alpha1.LabelProfileKind: string(v1alpha1.KindClusterSegmentationProfile), v1alpha1.LabelProfile: p.Name}
	if err := k8s.List(ctx, &list, labels); err != nil {
		return nil, err
	}
	out := map[string]map[string]string{}
	for i := range list.Items {
		policy := &list.Items[i]
		text, err := json.Marshal(policy.Spec)
		if err != nil {
			return nil, err
		}
		if out[policy.Namespace] == nil {
			out[policy.Namespace] = map[string]string{}
		}
		out[policy.Namespace][policy.Labels[v1alpha1.LabelTier]] = string(text)
	}
	return out, nil
}

// await waits until the policies of a profile in each of these namespaces are as they must be, and returns for how long.
func (r *region) await(ctx context.Context, p *v1alpha1.ClusterSegmentationProfile, namespaces []string, are func(map[string]string) bool) time.Duration {
	GinkgoHelper()
	began := time.Now()
	Eventually(func() ([]string, error) {
		var missing []string
		there, err := r.policies(ctx, p)
		for _, name := range namespaces {
			if !are(there[name]) {
				missing = append(missing, name)
			}
		}
		return missing, err
	}).WithTimeout(convergedWithin).WithPolling(100 * time.Millisecond).Should(BeEmpty())
	return time.Since(began)
}

// areWhole says whether the policies of a namespace are as they are where nothing fails.
func (r *region) areWhole(policies map[string]string) bool { return maps.Equal(policies, r.want) }

// usual lets another profile be carried out in the lucky namespaces alone, returns how long that took, and takes it away again.
func (r *region) usual(ctx context.Context) time.Duration {
	GinkgoHelper()
	p := r.declare(ctx, "reference", map[string]string{luckLabel: good})
	took := r.await(ctx, p, r.lucky, func(policies map[string]string) bool { return len(policies) == 3 })
	Eventually(func() string { return readiness(ctx, p) }).Should(HavePrefix("True/"))
	there, err := r.policies(ctx, p)
	Expect(err).NotTo(HaveOccurred())
	r.want = there[r.lucky[0]]
	r.await(ctx, p, r.lucky, r.areWhole)
	Expect(k8s.Delete(ctx, p)).To(Succeed())
	Eventually(func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(p), p) }).WithTimeout(time.Minute).Should(Satisfy(apierrors.IsNotFound))
	return took
}

// refuses says whether the API server would now refuse policies of the operator in a namespace.
func (r *region) refuses(ctx context.Context, namespace string) bool {
	probe := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "probe"}}
	_, err := r.asOperator.NetworkingV1().NetworkPolicies(namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err != nil
}

// readyVersions returns a function that ends a watch of a profile and returns the versions of it that said to be ready.
func readyVersions(ctx context.Context, p *v1alpha1.ClusterSegmentationProfile) (end func() []string) {
	GinkgoHelper()
	events, err := k8s.Watch(context.WithoutCancel(ctx), &v1alpha1.ClusterSegmentationProfileList{}, client.MatchingFields{"metadata.name": p.Name})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(events.Stop)
	seen := make(chan []string, 1)
	go func() {
		var ready []string
		for event := range events.ResultChan() {
			if p, ok := event.Object.(*v1alpha1.ClusterSegmentationProfile); ok && meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady) {
				ready = append(ready, p.ResourceVersion)
			}
		}
		seen <- ready
	}()
	return func() []string {
		events.Stop()
		return <-seen
	}
}
