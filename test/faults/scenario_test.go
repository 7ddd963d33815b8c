package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// recoveredWithin is how long the operator has after its last crash, or after a change when it did not crash.
const recoveredWithin = 30 * time.Second

// step is a change of a scenario's profile: its spec from then on, in YAML, in which NAMESPACE stands for that of
// the scenario; empty deletes the profile.
type step struct{ name, spec string }

// story is what a scenario does.
type story struct {
	name  string
	steps []step
	// newProfile makes a profile without spec for a namespace.
	newProfile func(namespace string) client.Object
	// deletesInOrder: nobody but the operator deletes the policies. Those of a deleted SegmentationProfile the garbage
	// collector deletes, too, which knows no order.
	deletesInOrder bool
}

func stories() []story {
	return []story{
		{
			name:  "a SegmentationProfile that is created, changed and deleted",
			steps: changes(),
			newProfile: func(namespace string) client.Object {
				return &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: namespace}}
			},
		},
		{
			name: "a ClusterSegmentationProfile that is created and deleted",
			steps: []step{{"create", `
dns: None
namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}
- {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}
allow: [{name: web-db, from: [{tier: web}], to: [{tier: db}]}]`}, {"delete", ""}},
			newProfile: func(string) client.Object {
				return &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
			},
			deletesInOrder: true,
		},
	}
}

// changes returns the life of a profile with three tiers, in order.
func changes() []step {
	threeTiers := func(api, app string, dbPort int, more string) string {
		return fmt.Sprintf(`
dns: None
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}
- {name: %[1]s, podSelector: {matchLabels: {app: %[2]s}}, ports: [{port: 8081}]}
- {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: %[3]d}]}
%[4]s
- {name: users, from: [{pods: {namespaces: [%[5]s]}}], to: [{tier: web}]}
- {name: web-api, from: [{tier: web}], to: [{tier: %[1]s}]}
- {name: api-db, from: [{tier: %[1]s}], to: [{tier: db}]}
`, api, app, dbPort, more, outside)
	}
	const cache = `
- {name: cache, podSelector: {matchLabels: {app: cache}}, ports: [{port: 6379}]}
allow:
- {name: web-cache, from: [{tier: web}], to: [{tier: cache}]}`
	return []step{
		{"create", threeTiers("api", "api", 5432, "allow:")},
		{"add a tier and an entry", threeTiers("api", "api", 5432, cache)},
		{"change a selector", threeTiers("api", "backend", 5432, cache)},
		{"rename a tier, so that one policy takes the place of another, and change a port", threeTiers("service", "backend", 5433, cache)},
		{"delete", ""},
	}
}

// state is what must be the same whether or not the operator crashed.
type state struct {
	// policies are the specs as JSON, by tier.
	policies map[string]string
	// ready is the condition Ready, as status/reason, when it speaks of the current generation; "gone" without profile.
	ready string
	// corrections is how much drift the status counts: the operator's own work that it did not finish is none.
	corrections int64
}

// scenario is one run of the steps on a profile in a namespace of its own.
type scenario struct {
	story     story
	namespace string
	operator  *mortal
	profile   client.Object
	trace     *trace
	// states are those after each step.
	states []state
	// recoveries are, for each step, the time from the last crash, or the change, to the state of the reference.
	recoveries []time.Duration
	// checked is the number of writes after which the invariant was looked at.
	checked int
}

var lastNamespace int

func newScenario(ctx context.Context, story story, operator *mortal) *scenario {
	GinkgoHelper()
	lastNamespace++
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("scenario-%d", lastNamespace)}}
	Expect(k8s.Create(ctx, ns)).To(Succeed())
	return &scenario{story: story, namespace: ns.Name, operator: operator, profile: story.newProfile(ns.Name), trace: record(ctx, ns.Name)}
}

// run makes the steps one after the other. With a reference, each must lead to the same state as there; without one, to one
// that is ready and stays. After every write the invariant must hold.
func (s *scenario) run(ctx context.Context, reference *scenario) {
	GinkgoHelper()
	for i, next := range s.story.steps {
		began := time.Now()
		s.change(ctx, next)
		settled := func() (bool, error) {
			now := s.state(ctx)
			if reference != nil {
				return equalStates(now, reference.states[i]), nil
			}
			return strings.HasPrefix(now.ready, "True/") || now.ready == "gone" && len(now.policies) == 0, nil
		}
		Eventually(func() (bool, error) {
			if err := s.operator.ailing(); err != nil {
				return false, StopTrying(err.Error())
			}
			if since := s.sinceLast(began); since > recoveredWithin {
				return false, StopTrying(fmt.Sprintf("%s: after %s, the state is %+v; %s", next.name, since, s.state(ctx), lastActs()))
			}
			return settled()
		}, "5m").Should(BeTrue(), next.name)
		s.recoveries = append(s.recoveries, s.sinceLast(began))
		if reference == nil {
			// What is held back for a moment, such as a status, belongs to the step.
			Consistently(settled, "1500ms").Should(BeTrue(), next.name)
		}
		s.states = append(s.states, s.state(ctx))
		writes := s.trace.take(ctx)
		for _, w := range writes {
			GinkgoWriter.Printf("%s, %s: %s\n", s.namespace, next.name, w.what)
		}
		if next.spec != "" || s.story.deletesInOrder {
			s.trace.expectNothingLostOrOpened(writes, next.name)
			s.checked += len(writes)
		}
	}
}

func (s *scenario) sinceLast(began time.Time) time.Duration {
	if _, last := s.operator.history(); last.After(began) {
		began = last
	}
	return time.Since(began)
}

func (s *scenario) change(ctx context.Context, next step) {
	GinkgoHelper()
	if next.spec == "" {
		Expect(k8s.Delete(ctx, s.profile)).To(Succeed())
		return
	}
	spec := map[string]any{}
	Expect(yaml.UnmarshalStrict([]byte(strings.ReplaceAll(next.spec, "NAMESPACE", s.namespace)), &spec)).To(Succeed())
	whole := map[string]any{"spec": spec}
	if s.profile.GetUID() == "" {
		text, err := json.Marshal(whole)
		Expect(err).NotTo(HaveOccurred())
		Expect(yaml.UnmarshalStrict(text, s.profile)).To(Succeed())
		Expect(k8s.Create(ctx, s.profile)).To(Succeed())
		return
	}
	patch, err := json.Marshal(whole)
	Expect(err).NotTo(HaveOccurred())
	Expect(k8s.Patch(ctx, s.profile, client.RawPatch("application/merge-patch+json", patch))).To(Succeed())
}

func (s *scenario) state(ctx context.Context) state {
	GinkgoHelper()
	out := state{policies: map[string]string{}}
	var list networkingv1.NetworkPolicyList
	Expect(k8s.List(ctx, &list, client.InNamespace(s.namespace))).To(Succeed())
	for _, p := range list.Items {
		text, err := json.Marshal(p.Spec)
		Expect(err).NotTo(HaveOccurred())
		out.policies[p.Labels[v1alpha1.LabelTier]] += string(text)
	}
	profile := s.story.newProfile(s.namespace)
	err := k8s.Get(ctx, client.ObjectKeyFromObject(profile), profile)
	if apierrors.IsNotFound(err) {
		out.ready = "gone"
		return out
	}
	Expect(err).NotTo(HaveOccurred())
	out.ready = reasonOf(profile)
	if drift := statusOf(profile).Drift; drift != nil {
		out.corrections = drift.Corrections
	}
	return out
}
