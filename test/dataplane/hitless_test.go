package dataplane_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

// No connection that is allowed before and after is lost while a profile changes, and none passes that is allowed neither before nor
// after.
var _ = Describe("No allowed connection is lost, and no forbidden one passes,", func() {
	It("when a profile is created", func(ctx SpecContext) {
		s := newShop(ctx)
		profile := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: s.namespace}}
		Expect(yaml.UnmarshalStrict([]byte(s.spec()), &profile.Spec)).To(Succeed())
		during(ctx, "the profile is created", traffic{kept: s.allowed(), closing: s.denied()},
			func() {
				remove(ctx, profile)
				expectNoPolicies(ctx, profile)
				profile.ResourceVersion = ""
			},
			func() {
				create(ctx, profile)
				expectReady(ctx, profile)
			})
	})

	It("when a tier is added and taken away", func(ctx SpecContext) {
		s := newShop(ctx)
		profile := s.newProfile(ctx)
		calling := []testbed.Flow{{From: s.api, To: s.database, Port: testbed.TCP(5432)}}
		more := s.spec() + "- {name: api-database, from: [{tier: api}], to: [{tier: database}]}"
		more = strings.Replace(more, "allow:", "- {name: database, podSelector: {matchLabels: {app: database}}, ports: [{port: 5432}]}\nallow:", 1)
		without, with := func() { change(ctx, profile, s.spec()) }, func() { change(ctx, profile, more) }
		during(ctx, "the tier is added", traffic{kept: s.allowed(), denied: s.denied(), opening: calling}, without, with)
		during(ctx, "the tier is taken away", traffic{kept: s.allowed(), denied: s.denied(), closing: calling}, with, without)
	})

	It("when ports change, and change back", func(ctx SpecContext) {
		s := newShop(ctx)
		profile := newProfile(ctx, s.namespace, "shop", s.serving(8081, 9001))
		s.expectInForce(ctx)
		before, after := func() { change(ctx, profile, s.serving(8081, 9001)) }, func() { change(ctx, profile, s.serving(8082, 9002)) }
		during(ctx, "ports change", traffic{s.allowed(), s.denied(), s.extra(8081, 9001), s.extra(8082, 9002)}, before, after)
		during(ctx, "ports change back", traffic{s.allowed(), s.denied(), s.extra(8082, 9002), s.extra(8081, 9001)}, after, before)
	})

	It("when tiers select the same pods by other labels, and entries say the same in other words", func(ctx SpecContext) {
		s := newShop(ctx)
		profile := s.newProfile(ctx)
		specs := []string{s.spec()}
		same := func(what, spec string) {
			before := specs[len(specs)-1]
			specs = append(specs, spec)
			during(ctx, what, traffic{kept: s.allowed(), denied: s.denied()},
				func() { change(ctx, profile, before) }, func() { change(ctx, profile, spec) })
		}
		spec := strings.NewReplacer("{app: web}", "{role: front}", "{app: api}", "{role: back}").Replace(s.spec())
		same("selectors are moved to other labels", spec)
		spec = strings.Replace(spec, "name: web-api", "name: pages", 1)
		same("an entry gets another name", spec)
		before, _, _ := strings.Cut(spec, "- {name: partner")
		same("an entry is split in two", before+`
- {name: partner-tcp, from: [{tier: api}], to: [{ipBlocks: {cidrs: [203.0.113.20/32]}}], ports: [{port: 443}]}
- {name: partner-udp, from: [{tier: api}], to: [{ipBlocks: {cidrs: [203.0.113.20/32]}}], ports: [{port: 443, protocol: UDP}]}
`)
	})

	It("when a profile is switched to Preview and back", func(ctx SpecContext) {
		s := newShop(ctx)
		profile := s.newProfile(ctx)
		preview, enforce := func() { change(ctx, profile, "mode: Preview") }, func() { change(ctx, profile, "mode: Enforce") }
		flows := traffic{kept: s.allowed(), denied: s.denied()}
		during(ctx, "Enforce to Preview", flows, enforce, preview)
		during(ctx, "Preview to Enforce", flows, preview, enforce)
	})

	It("when a profile takes the place of another that says the same", func(ctx SpecContext) {
		s := newShop(ctx)
		profile := s.newProfile(ctx)
		flows := traffic{kept: s.allowed(), denied: s.denied()}
		next := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: newName("shop"), Namespace: s.namespace}}
		Expect(yaml.UnmarshalStrict([]byte(s.spec()), &next.Spec)).To(Succeed())
		during(ctx, "a new profile is ready before the old one goes", flows, func() { replace(ctx, next, profile) }, func() { replace(ctx, profile, next) })
	})
})
