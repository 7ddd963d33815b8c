package faults_test

import (
	"context"
	"fmt"
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// part is a profile and a namespace that has the policies of no other.
type part struct {
	site      *site
	namespace string
	// profile is as it was declared.
	profile client.Object
	trace   *trace
	// stood are the policies before anything was taken away, by tier: somebody else's is of none.
	stood map[string]live
	// deleted: its deletion was asked for, in this way. tended: the operator has been at work since.
	deleted, tended bool
	cascade         metav1.DeletionPropagation
}

// namespacedProfile returns a SegmentationProfile with three tiers.
func namespacedProfile(namespace, name string, policy v1alpha1.DeletionPolicy) client.Object {
	GinkgoHelper()
	p := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	Expect(yaml.UnmarshalStrict([]byte(specOf(0)), &p.Spec)).To(Succeed())
	p.Spec.DeletionPolicy = policy
	return p
}

// clusterProfile returns a ClusterSegmentationProfile with three tiers for some namespaces.
func clusterProfile(name string, policy v1alpha1.DeletionPolicy, namespaces ...v1alpha1.LabelValue) client.Object {
	GinkgoHelper()
	p := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(yaml.UnmarshalStrict([]byte(specOf(0)), &p.Spec)).To(Succeed())
	p.Spec.DeletionPolicy = policy
	p.Spec.NamespaceSelector = &v1alpha1.LabelSelector{MatchExpressions: []v1alpha1.LabelSelectorRequirement{
		{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: namespaces},
	}}
	return p
}

// theirs is a policy that has nothing to do with any profile.
func theirs(namespace string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "theirs"},
		Spec:       networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "legacy"}}},
	}
}

// isSameButForMetadata says whether a policy is still the one that it was, and no spec was written.
func isSameButForMetadata(a, b live) bool {
	return a.uid == b.uid && a.generation == b.generation && a.spec == b.spec
}

// look holds the invariant against the writes since the last look.
func (p *part) look(ctx context.Context, during string) (checked int) {
	GinkgoHelper()
	writes := p.trace.take(ctx)
	if len(writes) == 0 {
		return 0
	}
	for _, w := range writes {
		GinkgoWriter.Printf("%s, %s: %s\n", p.namespace, during, w.what)
	}
	if p.retains() {
		Expect(p.deleted).To(BeFalse(), "%s: nothing is written to what is retained, but %s", p.profile.GetName(), writes[0].what)
	}
	from := p.trace.from
	p.trace.from = writes[len(writes)-1].after
	if !p.isOrdered() {
		return 0
	}
	found, err := scenarioUniverse(p.namespace).judge(from, writes)
	Expect(err).NotTo(HaveOccurred())
	Expect(found.breach).To(BeEmpty(), "%s, %s", p.profile.GetName(), during)
	if p.retains() && p.stood != nil {
		Expect(found.changed).To(BeZero(), "%s, %s: what is retained goes on as it was", p.profile.GetName(), during)
	}
	return len(writes)
}

func (p *part) isCluster() bool { return p.profile.GetNamespace() == "" }

// retains says whether the policies stay when the profile goes.
func (p *part) retains() bool {
	GinkgoHelper()
	if p, ok := p.profile.(*v1alpha1.ClusterSegmentationProfile); ok {
		return p.Spec.DeletionPolicy == v1alpha1.DeletionPolicyRetain
	}
	namespaced, ok := p.profile.(*v1alpha1.SegmentationProfile)
	Expect(ok).To(BeTrue())
	return namespaced.Spec.DeletionPolicy == v1alpha1.DeletionPolicyRetain
}

// isOrdered says whether nobody but the operator deletes the policies, if anybody does. The garbage collector knows no order.
func (p *part) isOrdered() bool {
	return !p.deleted || !p.leaves() || p.isCluster() && p.cascade == metav1.DeletePropagationBackground
}

// remove deletes the profile, unless somebody did already.
func (p *part) remove(ctx context.Context, cascade metav1.DeletionPropagation, tended bool) {
	GinkgoHelper()
	if p.deleted {
		return
	}
	p.deleted, p.tended, p.cascade = true, tended, cascade
	obj, ok := p.profile.DeepCopyObject().(client.Object)
	Expect(ok).To(BeTrue())
	Expect(p.site.k8s.Delete(ctx, obj, client.PropagationPolicy(cascade))).To(Succeed())
}

// leaves says whether no policy is to stay.
func (p *part) leaves() bool { return !p.retains() && p.cascade != metav1.DeletePropagationOrphan }

// waits says whether the profile cannot go before the operator comes back, and mustGo whether it goes now.
func (p *part) waits() bool { return p.deleted && p.isCluster() && !p.tended }

func (p *part) mustGo(working bool) bool { return p.deleted && (working || !p.isCluster()) }

// wrong returns what is not as it must be all the time.
func (p *part) wrong(ctx context.Context) error {
	gone := p.deleted && p.site.gone(ctx, p.profile) == nil
	now, err := p.site.policies(ctx, p.namespace)
	if err != nil {
		return err
	}
	if now[""] != p.stood[""] {
		return fmt.Errorf("%s: the policy that is somebody else's is %v, was %v", p.namespace, now[""], p.stood[""])
	}
	switch {
	case !p.deleted || p.retains() || p.waits() && p.cascade == metav1.DeletePropagationBackground:
		if !maps.Equal(now, p.stood) {
			return fmt.Errorf("%s: the policies are %v, were %v", p.namespace, now, p.stood)
		}
	case p.cascade == metav1.DeletePropagationOrphan:
		if !maps.EqualFunc(now, p.stood, isSameButForMetadata) {
			return fmt.Errorf("%s: the orphans are %v, were %v", p.namespace, now, p.stood)
		}
	}
	switch {
	case gone && p.waits():
		return fmt.Errorf("%s did not wait for the operator", p.profile.GetName())
	case gone && p.isCluster() && p.leaves() && len(now) > 1:
		return fmt.Errorf("%s went before its policies %v", p.profile.GetName(), slices.Sorted(maps.Keys(now)))
	}
	return nil
}

// unfinished returns what should have gone and is there yet.
func (p *part) unfinished(ctx context.Context, working bool) error {
	if !p.mustGo(working) {
		return nil
	}
	if err := p.site.gone(ctx, p.profile); err != nil {
		return err
	}
	if !p.leaves() {
		return nil
	}
	now, err := p.site.policies(ctx, p.namespace)
	if err == nil && len(now) > 1 {
		err = fmt.Errorf("%s has %v left", p.namespace, slices.Sorted(maps.Keys(now)))
	}
	return err
}
