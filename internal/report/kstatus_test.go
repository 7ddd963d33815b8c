package report

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/health"
)

// steps is how many statuses TestStatusOfRandomHistories looks at.
const steps = 2000

// TestStatusOfRandomHistories follows profiles through random changes, failures and restarts. Every status agrees with
// kstatus and with our health check for Argo CD, contradicts itself nowhere, stays small, and never says more than is known.
func TestStatusOfRandomHistories(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	argo, err := health.NewArgoCD()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[kstatus.Status]int{}
	var previous v1alpha1.ProfileStatus
	generation := int64(1)
	for step := range steps {
		if step%20 == 0 {
			previous, generation = v1alpha1.ProfileStatus{ObservedGeneration: -1}, 1
		}
		input := drawInput(random, generation)
		input.Previous, input.Now = *previous.DeepCopy(), noon.Add(time.Duration(step)*time.Second)
		status := Status(input)
		if !reflect.DeepEqual(input.Previous, previous) {
			t.Fatalf("step %d: the previous status was changed", step)
		}
		mustMakeSense(t, step, input, status)
		seen[mustAgreeWithKstatus(t, argo, step, input, status)]++
		// A generation that the status does not speak of is in progress, whatever it says.
		later := input
		later.Profile.Generation++
		if got := compute(t, argo, later, status); got != kstatus.InProgressStatus && got != kstatus.TerminatingStatus {
			t.Fatalf("step %d: kstatus of a newer generation is %s", step, got)
		}
		previous = status
		if random.IntN(3) == 0 {
			generation++
		}
	}
	t.Logf("%v", seen)
	for _, want := range []kstatus.Status{kstatus.CurrentStatus, kstatus.FailedStatus, kstatus.InProgressStatus} {
		if seen[want] < steps/100 {
			t.Errorf("only %d of %d are %s", seen[want], steps, want)
		}
	}
}

func drawInput(random *rand.Rand, generation int64) Input {
	p := shop()
	if random.IntN(2) == 0 {
		p = baseline()
	}
	p.Generation = generation
	p.Deleting = random.IntN(12) == 0
	switch random.IntN(7) {
	case 0:
		p.Mode = v1alpha1.ModePreview
	case 1:
		p.Tiers[0].PodSelector = nil
	case 2:
		p.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	}
	input := Input{Profile: p, PodsKnown: random.IntN(4) > 0, Inherited: random.IntN(2) > 0, Elsewhere: max(0, random.IntN(8)-6)}
	n := 1
	if p.Key.Namespace == "" {
		n = random.IntN(4)
	}
	healthy := random.IntN(2) == 0
	for i := range n {
		input.Namespaces = append(input.Namespaces, drawNamespace(random, p, i, healthy))
	}
	if random.IntN(4) == 0 {
		input.Drift = Drift{Corrections: int64(1 + random.IntN(3)), LastTime: noon, LastPolicy: "a/b", LastChange: "deleted"}
	}
	return input
}

func drawNamespace(random *rand.Rand, p snapshot.Profile, i int, healthy bool) NamespaceFacts {
	ns := NamespaceFacts{Namespace: snapshot.Namespace{Name: fmt.Sprint("ns", i)}}
	ns.Protected = random.IntN(8) == 0
	if random.IntN(3) > 0 {
		ns.Pods = []snapshot.Pod{{Labels: map[string]string{"app": "web"}, Count: 1 + random.IntN(3), HostNetwork: random.IntN(6) == 0}}
	}
	if random.IntN(5) == 0 {
		return ns
	}
	states := []State{Applied, Applying, Failed, Conflicted, Contested, Frozen, Removed, Released}
	o := &Outcome{UID: p.UID, Generation: p.Generation, State: Applied, Policies: random.IntN(3)}
	if !healthy {
		o.State = states[random.IntN(len(states))]
		o.Generation -= int64(random.IntN(5) / 4)
	}
	if o.State == Failed || o.State == Conflicted {
		o.Error = strings.Repeat("wörd ", random.IntN(2000))
	}
	for j := range random.IntN(2) * random.IntN(80) {
		o.Findings = append(o.Findings, finding.New(v1alpha1.CodeAnywherePeer, ns.Namespace.Name, fmt.Sprint(j), "Something."))
	}
	ns.Outcome = o
	return ns
}

// compute returns what kstatus says, with which Argo CD must agree.
func compute(t *testing.T, argo *health.ArgoCD, input Input, status v1alpha1.ProfileStatus) kstatus.Status {
	t.Helper()
	obj := &v1alpha1.SegmentationProfile{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: string(input.Profile.Key.Kind)},
		ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "shop", Generation: input.Profile.Generation},
		Status:     status,
	}
	if input.Profile.Deleting {
		obj.DeletionTimestamp = new(metav1.NewTime(noon))
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{Object: content}
	result, err := health.KStatus(object)
	if err != nil {
		t.Fatal(err)
	}
	verdict, err := argo.Judge(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	want := health.Progressing
	switch result {
	case kstatus.CurrentStatus:
		want = health.Healthy
	case kstatus.FailedStatus:
		want = health.Degraded
	default:
	}
	if verdict.Status != want {
		t.Fatalf("kstatus says %s, and Argo CD %+v: %+v", result, verdict, status.Conditions)
	}
	return result
}

func mustAgreeWithKstatus(t *testing.T, argo *health.ArgoCD, step int, input Input, status v1alpha1.ProfileStatus) kstatus.Status {
	t.Helper()
	want := kstatus.InProgressStatus
	switch {
	case input.Profile.Deleting:
		want = kstatus.TerminatingStatus
	case meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady):
		want = kstatus.CurrentStatus
	case meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionStalled):
		want = kstatus.FailedStatus
	}
	if got := compute(t, argo, input, status); got != want {
		t.Fatalf("step %d: kstatus says %s, want %s: %+v", step, got, want, status.Conditions)
	}
	return want
}

func mustMakeSense(t *testing.T, step int, input Input, status v1alpha1.ProfileStatus) {
	t.Helper()
	is := func(conditionType string) bool { return meta.IsStatusConditionTrue(status.Conditions, conditionType) }
	trues := 0
	for _, conditionType := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if is(conditionType) {
			trues++
		}
	}
	if trues != 1 {
		t.Fatalf("step %d: %d of Ready, Reconciling and Stalled are true: %+v", step, trues, status.Conditions)
	}
	if is(v1alpha1.ConditionReady) && !is(v1alpha1.ConditionAccepted) {
		t.Fatalf("step %d: ready and not accepted", step)
	}
	for _, c := range status.Conditions {
		if c.ObservedGeneration != status.ObservedGeneration || status.ObservedGeneration != input.Profile.Generation {
			t.Fatalf("step %d: %s speaks of generation %d, the status of %d", step, c.Type, c.ObservedGeneration, status.ObservedGeneration)
		}
		before := meta.FindStatusCondition(input.Previous.Conditions, c.Type)
		if kept := before != nil && before.Status == c.Status; kept != (before != nil && before.LastTransitionTime.Equal(&c.LastTransitionTime)) {
			t.Fatalf("step %d: %s was %+v and is %+v", step, c.Type, before, c)
		}
		if len(c.Message) > 4*maxMessage {
			t.Fatalf("step %d: a message of %d bytes", step, len(c.Message))
		}
	}
	if text, err := json.Marshal(status); err != nil || len(text) > 32<<10 || len(status.Findings) > finding.MaxInStatus {
		t.Fatalf("step %d: a status of %d bytes with %d findings: %v", step, len(text), len(status.Findings), err)
	}
	mustBeKnown(t, step, input, status)
}

// mustBeKnown checks that a profile is called ready only when every namespace is known to be so, or nothing contradicts
// that an earlier process found it ready.
func mustBeKnown(t *testing.T, step int, input Input, status v1alpha1.ProfileStatus) {
	t.Helper()
	if !meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) {
		return
	}
	stood := meta.IsStatusConditionTrue(input.Previous.Conditions, v1alpha1.ConditionReady) &&
		input.Previous.ObservedGeneration == input.Profile.Generation
	for _, ns := range input.Namespaces {
		switch o := ns.Outcome; {
		case ns.Protected:
		case o == nil || o.Generation != input.Profile.Generation || o.UID != input.Profile.UID:
			if !stood {
				t.Fatalf("step %d: ready, and %s was not examined", step, ns.Namespace.Name)
			}
		case o.State == Applying || o.State == Failed || o.State == Conflicted || (o.State != Applied && !stood):
			t.Fatalf("step %d: ready, and %s is %s", step, ns.Namespace.Name, o.State)
		}
	}
}
