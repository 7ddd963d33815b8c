package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
)

var _ = Describe("a cache that is behind", func() {
	// behind returns a reader whose cache shows SegmentationProfiles as change makes them.
	behind := func(change func(*v1alpha1.SegmentationProfile)) *cluster.Reader {
		GinkgoHelper()
		plain, err := client.NewWithWatch(config, client.Options{Scheme: k8s.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		stale := interceptor.NewClient(plain, interceptor.Funcs{
			List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
				err := c.List(ctx, list, opts...)
				if profiles, ok := list.(*v1alpha1.SegmentationProfileList); ok {
					for i := range profiles.Items {
						change(&profiles.Items[i])
					}
				}
				return err
			},
		})
		return &cluster.Reader{Cache: stale, Live: k8s, Pods: cluster.NewPods(cluster.PodEvents{}), Options: snapshot.DefaultOptions("firebreak-system")}
	}

	It("gives no owner back to policies whose profile is deleted with the wish that they stay", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		Expect(k8s.Delete(ctx, p, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		for _, policy := range policies(ctx, ns) {
			policy.OwnerReferences = nil
			Expect(k8s.Update(ctx, &policy)).To(Succeed())
		}
		reader := behind(func(p *v1alpha1.SegmentationProfile) { p.DeletionTimestamp, p.Finalizers = nil, nil })
		live, err := reader.LivePolicies(ctx, ns)
		Expect(err).NotTo(HaveOccurred())
		s, _, err := reader.Load(ctx, snapshot.Namespace{Name: ns}, live, func(snapshot.Fact) {})
		Expect(err).NotTo(HaveOccurred())
		Expect(compiler.Compile(s)).To(ContainElement(And(
			HaveField("Profile.Key.Name", "shop"), HaveField("Disposition", compiler.Freeze))))

		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(p), p)).To(Succeed())
		p.Finalizers = nil
		Expect(k8s.Update(ctx, p)).To(Succeed())
	})

	It("reverts nothing that was written for a newer generation", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		older := p.DeepCopy()
		setSpec(ctx, p, "dns: None\ntiers: [{name: db, podSelector: {matchLabels: {app: db}}}]")
		expectReady(ctx, p)
		reader := behind(func(p *v1alpha1.SegmentationProfile) { p.Spec, p.Generation = older.Spec, older.Generation })
		live, err := reader.LivePolicies(ctx, ns)
		Expect(err).NotTo(HaveOccurred())
		s, _, err := reader.Load(ctx, snapshot.Namespace{Name: ns}, live, func(snapshot.Fact) {})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Profiles).To(ContainElement(And(HaveField("Key.Name", "shop"), HaveField("Generation", p.Generation), HaveField("Tiers", HaveLen(1)))))
	})
})
