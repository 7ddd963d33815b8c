package dataplane_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

// shop is a small application: users in another namespace call web, which calls api, which calls a partner outside the cluster.
// Web and api bear two labels each, by either of which a tier can select them. The database is in no tier at first, and nobody may
// call it.
type shop struct {
	namespace, users                                   string
	client, stranger, web, api, database, dns, partner *testbed.Host
}

// newShop runs the pods of a shop, which nothing isolates yet.
func newShop(ctx context.Context) shop {
	GinkgoHelper()
	s := shop{namespace: newNamespace(ctx, "shop", nil), users: newNamespace(ctx, "users", nil)}
	others := newNamespace(ctx, "others", nil)
	s.client = runPod(ctx, s.users, "client", nil)
	s.stranger = runPod(ctx, others, "stranger", nil)
	s.web = runPod(ctx, s.namespace, "web", map[string]string{"app": "web", "role": "front"}, testbed.TCP(8080), testbed.TCP(8081), testbed.TCP(8082))
	s.api = runPod(ctx, s.namespace, "api", map[string]string{"app": "api", "role": "back"}, testbed.TCP(9000), testbed.UDP(9000), testbed.TCP(9001), testbed.TCP(9002))
	s.database = runPod(ctx, s.namespace, "database", map[string]string{"app": "database"}, testbed.TCP(5432))
	s.dns = runPod(ctx, "kube-system", newName("dns"), map[string]string{"k8s-app": "kube-dns"}, testbed.TCP(53), testbed.UDP(53))
	s.partner = outside(ctx, newName("partner"), "203.0.113.20", testbed.TCP(443), testbed.UDP(443), testbed.TCP(80))
	flows := slices.Concat(s.allowed(), s.denied())
	// Former pods may still be behind the Service for a moment, and take some of its connections.
	for range 10 {
		flows = append(flows, s.resolving()...)
	}
	expectOpen(ctx, flows)
	return s
}

// allowed are the flows that every profile of a shop allows.
func (s shop) allowed() []testbed.Flow {
	return append([]testbed.Flow{
		{From: s.client, To: s.web, Port: testbed.TCP(8080)},
		{From: s.web, To: s.api, Port: testbed.TCP(9000)},
		{From: s.web, To: s.api, Port: testbed.UDP(9000)},
		{From: s.api, To: s.partner, Port: testbed.TCP(443)},
		{From: s.api, To: s.partner, Port: testbed.UDP(443)},
	}, s.resolving()...)
}

func (s shop) resolving() []testbed.Flow {
	return []testbed.Flow{
		{From: s.web, To: s.dns, Port: testbed.UDP(53), Via: dnsAddress},
		{From: s.api, To: s.dns, Port: testbed.TCP(53), Via: dnsAddress},
	}
}

// denied are flows that no profile of a shop allows.
func (s shop) denied() []testbed.Flow {
	return []testbed.Flow{
		{From: s.stranger, To: s.web, Port: testbed.TCP(8080)},
		{From: s.stranger, To: s.api, Port: testbed.UDP(9000)},
		{From: s.web, To: s.database, Port: testbed.TCP(5432)},
		{From: s.api, To: s.partner, Port: testbed.TCP(80)},
		{From: s.database, To: s.partner, Port: testbed.UDP(443)},
	}
}

// spec is the YAML of the profile's tiers and entries.
func (s shop) spec() string {
	return fmt.Sprintf(`
mode: Enforce
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}
- {name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 9000}, {port: 9000, protocol: UDP}]}
allow:
- {name: users, from: [{pods: {namespaces: [%s]}}], to: [{tier: web}]}
- {name: web-api, from: [{tier: web}], to: [{tier: api}]}
- {name: partner, from: [{tier: api}], to: [{ipBlocks: {cidrs: [203.0.113.20/32]}}], ports: [{port: 443}, {port: 443, protocol: UDP}]}
`, s.users)
}

// serving is the profile's spec with one port more that web serves, and one that api serves, so at both ends of an entry.
func (s shop) serving(web, api int) string {
	spec := strings.Replace(s.spec(), "{port: 8080}", fmt.Sprintf("{port: 8080}, {port: %d}", web), 1)
	return strings.Replace(spec, "{port: 9000}", fmt.Sprintf("{port: 9000}, {port: %d}", api), 1)
}

// extra are the flows that serving allows besides.
func (s shop) extra(web, api int32) []testbed.Flow {
	return []testbed.Flow{{From: s.client, To: s.web, Port: testbed.TCP(web)}, {From: s.web, To: s.api, Port: testbed.TCP(api)}}
}

// newProfile creates the shop's profile, and waits until its policies are in force.
func (s shop) newProfile(ctx context.Context) *v1alpha1.SegmentationProfile {
	GinkgoHelper()
	profile := newProfile(ctx, s.namespace, "shop", s.spec())
	s.expectInForce(ctx)
	return profile
}

// expectInForce waits until what every profile of a shop allows passes, and what it denies does not.
func (s shop) expectInForce(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() ([]string, error) { return cluster.Passing(ctx, slices.Concat(s.allowed(), s.denied())) }).
		WithTimeout(enforcementTimeout).Should(ConsistOf(texts(s.allowed())))
}

// change changes the profile's spec, and waits until it is ready.
func change(ctx context.Context, profile client.Object, spec string) {
	GinkgoHelper()
	patchSpec(ctx, profile, spec)
	expectReady(ctx, profile)
}

// remove deletes an object, and waits until it is gone.
func remove(ctx context.Context, object client.Object) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, object))).To(Succeed())
	Eventually(func() error {
		return cluster.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
	}).Should(MatchError(ContainSubstring("not found")))
}

// replace creates a profile, waits until it is ready, and deletes another. Sooner, nothing would keep up what that one says: the
// garbage collector takes the policies of a deleted profile at once, in any order.
func replace(ctx context.Context, old, next client.Object) {
	GinkgoHelper()
	next.SetResourceVersion("")
	create(ctx, next)
	expectReady(ctx, next)
	remove(ctx, old)
	expectNoPolicies(ctx, old)
}

// policiesOf returns the policies of a profile.
func policiesOf(ctx context.Context, profile client.Object) []networkingv1.NetworkPolicy {
	GinkgoHelper()
	var list networkingv1.NetworkPolicyList
	Expect(cluster.Client.List(ctx, &list, client.InNamespace(profile.GetNamespace()))).To(Succeed())
	return slices.DeleteFunc(list.Items, func(p networkingv1.NetworkPolicy) bool { return !metav1.IsControlledBy(&p, profile) })
}

// expectNoPolicies waits until a profile that was deleted has no policies.
func expectNoPolicies(ctx context.Context, profile client.Object) {
	GinkgoHelper()
	Eventually(func() int { return len(policiesOf(ctx, profile)) }).WithTimeout(20 * time.Second).Should(BeZero())
}
