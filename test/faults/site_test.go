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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/faults/proxy"
	"firebreak.dev/firebreak/test/harness"
)

// site is a control plane, a proxy before its API server, and an administrator who does not go through the proxy.
type site struct {
	plane  *harness.ControlPlane
	before *proxy.Proxy
	k8s    client.WithWatch
	admin  kubernetes.Interface
}

// suiteSite is the suite's own control plane, which nothing may take down.
func suiteSite() *site { return &site{plane: plane, before: before, k8s: k8s, admin: admin} }

// startSite starts a control plane of its own, until the container ends.
func startSite(ctx context.Context, options harness.Options) *site {
	GinkgoHelper()
	s := &site{}
	var err error
	s.plane, err = harness.Start(ctx, options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(s.plane.Stop)
	Expect(s.plane.ApplyConfig(ctx)).To(Succeed())
	config := s.plane.Config()
	config.QPS = -1
	s.admin, err = kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	s.k8s, err = client.NewWithWatch(config, client.Options{Scheme: k8s.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	s.before = s.startProxy(ctx)
	return s
}

// startProxy starts another proxy before the API server, until the spec or the container ends.
func (s *site) startProxy(ctx context.Context) *proxy.Proxy {
	GinkgoHelper()
	p, err := proxy.Start(ctx, proxy.Target(s.plane.Server()))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(p.Close)
	return p
}

// home is a namespace with one profile.
type home struct {
	site    *site
	profile *v1alpha1.SegmentationProfile
	// trace is what was written there; nil in a home that nobody watches.
	trace *trace
}

// newHome makes a namespace with a profile, and records what is written there.
func (s *site) newHome(ctx context.Context, spec string) *home {
	GinkgoHelper()
	h := s.newEmptyHome(ctx)
	h.trace = s.recordThroughOutages(ctx, h.profile.Namespace)
	h.create(ctx, spec)
	return h
}

// newEmptyHome makes a namespace without profile.
func (s *site) newEmptyHome(ctx context.Context) *home {
	GinkgoHelper()
	lastNamespace++
	namespace := fmt.Sprintf("home-%d", lastNamespace)
	Expect(s.k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	return &home{site: s, profile: &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: namespace}}}
}

// create declares the profile, until the spec ends: the next operator need not know it.
func (h *home) create(ctx context.Context, spec string) {
	GinkgoHelper()
	Expect(yaml.UnmarshalStrict([]byte(spec), &h.profile.Spec)).To(Succeed())
	Expect(h.site.k8s.Create(ctx, h.profile)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(client.IgnoreNotFound(h.site.k8s.Delete(ctx, h.profile))).To(Succeed())
	})
}

// declare gives the profile another spec.
func (h *home) declare(ctx context.Context, spec string) {
	GinkgoHelper()
	patch, err := patchOf(spec)
	Expect(err).NotTo(HaveOccurred())
	Expect(h.site.k8s.Patch(ctx, h.profile, client.RawPatch("application/merge-patch+json", patch))).To(Succeed())
}

// patchOf returns the merge patch that sets a spec.
func patchOf(spec string) ([]byte, error) {
	fields := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(spec), &fields); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"spec": fields})
}

// live is a policy as it stands in the API server.
type live struct {
	name, uid, version, spec string
	// generation grows by one with every write that changes the spec, whoever sees it.
	generation int64
}

// policies returns the policies of the home by tier.
func (h *home) policies(ctx context.Context) (map[string]live, error) {
	return h.site.policies(ctx, h.profile.Namespace)
}

// policies returns the policies of a namespace by tier. It must have those of one profile only.
func (s *site) policies(ctx context.Context, namespace string) (map[string]live, error) {
	var list networkingv1.NetworkPolicyList
	if err := s.k8s.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	out := map[string]live{}
	for _, p := range list.Items {
		spec, err := json.Marshal(p.Spec)
		if err != nil {
			return nil, err
		}
		out[p.Labels[v1alpha1.LabelTier]] = live{p.Name, string(p.UID), p.ResourceVersion, string(spec), p.Generation}
	}
	return out, nil
}

// specs are the specs of policies, by tier.
func specs(policies map[string]live) map[string]string {
	out := map[string]string{}
	for tier, p := range policies {
		out[tier] = p.spec
	}
	return out
}

// specs returns the specs of the policies of the home, by tier.
func (h *home) specs(ctx context.Context) (map[string]string, error) {
	policies, err := h.policies(ctx)
	return specs(policies), err
}

// has returns an error unless the policies are these, by tier, and the profile is ready.
func (h *home) has(ctx context.Context, want map[string]string) error {
	now, err := h.policies(ctx)
	if err != nil {
		return err
	}
	if !maps.Equal(specs(now), want) {
		return fmt.Errorf("%s: the policies are %v, want %v", h.profile.Namespace, specs(now), want)
	}
	return h.ready(ctx)
}

func (h *home) ready(ctx context.Context) error {
	if err := h.site.k8s.Get(ctx, client.ObjectKeyFromObject(h.profile), h.profile); err != nil {
		return err
	}
	return unready(h.profile)
}

// settle waits until the profile is ready, and for longer than a status is held back, and returns the policies.
func (h *home) settle(ctx context.Context) map[string]live {
	GinkgoHelper()
	Eventually(h.ready).WithArguments(ctx).Should(Succeed())
	last, since := "", time.Now()
	Eventually(func() (time.Duration, error) {
		if err := h.ready(ctx); err != nil || h.profile.ResourceVersion != last {
			last, since = h.profile.ResourceVersion, time.Now()
		}
		return time.Since(since), nil
	}).Should(BeNumerically(">", 1500*time.Millisecond))
	policies, err := h.policies(ctx)
	Expect(err).NotTo(HaveOccurred())
	return policies
}

// open makes a hole into the policy of a tier.
func (h *home) open(ctx context.Context, tier string) {
	GinkgoHelper()
	policies, err := h.policies(ctx)
	Expect(err).NotTo(HaveOccurred())
	Expect(h.tryOpen(ctx, policies[tier].name)).To(Succeed())
}

// tryOpen makes a hole into the policy of this name.
func (h *home) tryOpen(ctx context.Context, name string) error {
	policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: h.profile.Namespace}}
	hole := client.RawPatch("application/merge-patch+json", []byte(`{"spec": {"egress": [{}]}}`))
	return h.site.k8s.Patch(ctx, policy, hole, client.FieldOwner("rival"))
}

// recordThroughOutages is record for an API server that may go away: then the trace goes on with a list, and what was
// written and overwritten before is not in it.
func (s *site) recordThroughOutages(ctx context.Context, namespace string) *trace {
	GinkgoHelper()
	t := &trace{namespace: namespace, admin: s.admin}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	DeferCleanup(cancel)
	go wait.UntilWithContext(ctx, func(ctx context.Context) {
		list, err := s.admin.NetworkingV1().NetworkPolicies(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return
		}
		now := policySet{}
		for i := range list.Items {
			now[list.Items[i].Name] = &list.Items[i]
		}
		t.listed(now)
		events, err := s.admin.NetworkingV1().NetworkPolicies(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
		if err != nil {
			return
		}
		defer events.Stop()
		for event := range events.ResultChan() {
			policy, ok := event.Object.(*networkingv1.NetworkPolicy)
			if !ok {
				return
			}
			now = maps.Clone(now)
			now[policy.Name] = policy
			if event.Type == watch.Deleted {
				delete(now, policy.Name)
			}
			t.note(fmt.Sprintf("%s %s", event.Type, policy.Name), now)
		}
	}, 50*time.Millisecond)
	return t
}

// listed takes note of a state that a list shows, unless it is known.
func (t *trace) listed(now policySet) {
	t.mu.Lock()
	last := t.now
	t.mu.Unlock()
	same := func(a, b *networkingv1.NetworkPolicy) bool { return a.ResourceVersion == b.ResourceVersion }
	if !maps.EqualFunc(last, now, same) {
		t.note("what was written while nobody could watch", now)
	}
}

// specOf returns the spec of a step of the first story.
func specOf(step int) string { return changes()[step].spec }
