package controllers

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/cluster"
	ownevents "firebreak.dev/firebreak/internal/events"
	"firebreak.dev/firebreak/internal/ledger"
	"firebreak.dev/firebreak/internal/metrics"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

// newCluster returns a client of a cluster with namespace shop, profile shop in it, and other objects.
func newCluster(t *testing.T, others ...client.Object) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	profile := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop", UID: "u", Generation: 1}}
	profile.Spec.Tiers = []v1alpha1.Tier{{Name: "web", PodSelector: &v1alpha1.LabelSelector{}}}
	profile.Spec.Mode, profile.Spec.Isolation, profile.Spec.DNS = v1alpha1.ModeEnforce, v1alpha1.IsolationNamespace, v1alpha1.DNSNone
	objects := append(others, profile, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}})
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(profile).Build()
}

// shop is the profile of newCluster.
func shop() snapshot.ProfileKey {
	return snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "shop"}
}

// listedPods returns a store that knows of no pod, and of all.
func listedPods(t *testing.T) *cluster.Pods {
	t.Helper()
	pods := cluster.NewPods(cluster.PodEvents{})
	if err := pods.Replace(nil, "1"); err != nil {
		t.Fatal(err)
	}
	return pods
}

// newStatusReconciler returns one for the profile of newCluster.
func newStatusReconciler(t *testing.T, c client.Client) *ProfileStatusReconciler {
	t.Helper()
	pods := listedPods(t)
	return &ProfileStatusReconciler{
		kind: v1alpha1.KindSegmentationProfile, client: c, ledger: ledger.New(func(snapshot.ProfileKey) {}), pods: pods,
		reader:  &cluster.Reader{Cache: c, Live: c, Pods: pods, Options: snapshot.DefaultOptions("firebreak-system")},
		plugins: cluster.NewPlugins(func() {}), others: cluster.NewOtherPolicies(func(string) {}),
		events: ownevents.NewRecorder(events.NewFakeRecorder(10), time.Now), metrics: metrics.New(make(chan struct{}), time.Now), writes: newStatusClock(), queues: &statusQueues{},
	}
}

// conditions reconciles the profile of newCluster, and returns the status and reason of two of its conditions, and when to come back.
func (r *ProfileStatusReconciler) conditions(t *testing.T) (conditions map[string]string, again time.Duration) {
	t.Helper()
	result, err := r.Reconcile(context.Background(), requestOf(shop()))
	if err != nil {
		t.Fatal(err)
	}
	var p v1alpha1.SegmentationProfile
	if err := r.client.Get(context.Background(), requestOf(shop()).NamespacedName, &p); err != nil {
		t.Fatal(err)
	}
	conditions = map[string]string{}
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionIsolated} {
		if found := meta.FindStatusCondition(p.Status.Conditions, kind); found != nil {
			conditions[kind] = string(found.Status) + "/" + found.Reason
		}
	}
	return conditions, result.RequeueAfter
}

func TestAnEnforcedProfileBecomesReadyAlthoughItIsNotJudged(t *testing.T) {
	r := newStatusReconciler(t, newCluster(t))
	conditions := func() map[string]string {
		t.Helper()
		out, _ := r.conditions(t)
		return out
	}
	if got := conditions()[v1alpha1.ConditionReady]; got != "False/Progressing" {
		t.Fatalf("Ready is %s before the namespace was examined", got)
	}
	r.ledger.Record(shop(), "shop", report.Outcome{UID: "u", Generation: 1, State: report.Applied, Policies: 2})
	if got := conditions()[v1alpha1.ConditionReady]; got != "False/Progressing" {
		t.Errorf("Ready is %s at once, when the judgement may be about to come", got)
	}
	r.writes.contradicted[shop()] = time.Now().Add(-judgementPatience)
	got := conditions()
	if got[v1alpha1.ConditionReady] != "True/Applied" {
		t.Errorf("Ready is %s once the policies are applied", got[v1alpha1.ConditionReady])
	}
	if got[v1alpha1.ConditionIsolated] != "Unknown/Pending" {
		t.Errorf("Isolated is %s before the namespace was judged", got[v1alpha1.ConditionIsolated])
	}
}

func TestAReadyProfileThatWritesForAMomentStaysReady(t *testing.T) {
	r := newStatusReconciler(t, newCluster(t))
	applied := report.Outcome{UID: "u", Generation: 1, State: report.Applied, Policies: 2}
	applying := report.Outcome{UID: "u", Generation: 1, State: report.Applying, Policies: 2}
	ready := func() string {
		t.Helper()
		out, _ := r.conditions(t)
		return out[v1alpha1.ConditionReady]
	}
	r.ledger.Record(shop(), "shop", applied)
	r.writes.completed(shop())
	if got := ready(); got != "True/Applied" {
		t.Fatalf("Ready is %s once the policies are applied", got)
	}
	for range 2 {
		r.ledger.Begin(shop(), "shop", applying)
		out, again := r.conditions(t)
		if got := out[v1alpha1.ConditionReady]; got != "True/Applied" {
			t.Fatalf("Ready is %s as soon as a correction begins", got)
		}
		if again <= 0 || again > blinkPatience {
			t.Fatalf("it is looked again after %s while a correction may last", again)
		}
		r.ledger.Record(shop(), "shop", applied)
		if got := ready(); got != "True/Applied" {
			t.Fatalf("Ready is %s after a correction", got)
		}
		r.writes.last[shop()] = time.Time{}
	}
	r.ledger.Begin(shop(), "shop", applying)
	ready()
	r.writes.working[shop()] = time.Now().Add(-blinkPatience)
	if got := ready(); got != "False/Progressing" {
		t.Errorf("Ready is %s while a correction does not come to an end", got)
	}
}

func TestANewVersionOfAProfileIsNotReadyAtOnce(t *testing.T) {
	c := newCluster(t)
	r := newStatusReconciler(t, c)
	r.ledger.Record(shop(), "shop", report.Outcome{UID: "u", Generation: 1, State: report.Applied, Policies: 2})
	r.writes.completed(shop())
	r.conditions(t)
	var p v1alpha1.SegmentationProfile
	if err := c.Get(context.Background(), requestOf(shop()).NamespacedName, &p); err != nil {
		t.Fatal(err)
	}
	p.Generation = 2
	if err := c.Update(context.Background(), &p); err != nil {
		t.Fatal(err)
	}
	r.ledger.Begin(shop(), "shop", report.Outcome{UID: "u", Generation: 2, State: report.Applying, Policies: 2})
	if out, _ := r.conditions(t); out[v1alpha1.ConditionReady] != "False/Progressing" {
		t.Errorf("Ready is %s while the new version is being applied", out[v1alpha1.ConditionReady])
	}
}

func TestAStatusIsWrittenTheLessOftenTheLessItHasToSay(t *testing.T) {
	status := func(generation int64, ready metav1.ConditionStatus, reason, message string, pods int32) v1alpha1.ProfileStatus {
		return v1alpha1.ProfileStatus{
			ObservedGeneration: generation, Tiers: []v1alpha1.TierStatus{{Name: "web", Pods: pods}},
			Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: ready, Reason: reason, Message: message}},
		}
	}
	progressing := status(1, metav1.ConditionFalse, v1alpha1.ReasonProgressing, "1 of 3", 0)
	contested := status(1, metav1.ConditionFalse, v1alpha1.ReasonContested, "11 times", 0)
	applied := status(1, metav1.ConditionTrue, v1alpha1.ReasonApplied, "all", 0)
	for name, c := range map[string]struct {
		before, after v1alpha1.ProfileStatus
		want          time.Duration
	}{
		"the first":                {v1alpha1.ProfileStatus{}, progressing, 0},
		"a new generation":         {applied, status(2, metav1.ConditionTrue, v1alpha1.ReasonApplied, "all", 0), 0},
		"ready":                    {progressing, applied, 0},
		"ready no more":            {applied, contested, 0},
		"another reason":           {progressing, contested, statusInterval},
		"how far the work is":      {progressing, status(1, metav1.ConditionFalse, v1alpha1.ReasonProgressing, "2 of 3", 0), progressInterval},
		"a fight that goes on":     {contested, status(1, metav1.ConditionFalse, v1alpha1.ReasonContested, "12 times", 0), contestedInterval},
		"counts alone":             {applied, status(1, metav1.ConditionTrue, v1alpha1.ReasonApplied, "all", 7), countsInterval},
		"another message of ready": {applied, status(1, metav1.ConditionTrue, v1alpha1.ReasonApplied, "all, and more", 0), statusInterval},
	} {
		if got := intervalFor(c.before, c.after); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestTheWordOfAnEarlierProcessDoesNotStandForEver(t *testing.T) {
	c, began := newStatusClock(), time.Now()
	at := func(after time.Duration) (bool, time.Duration) { return c.inherited(shop(), began.Add(after)) }
	if stands, again := at(0); !stands || again != inheritancePatience {
		t.Errorf("at first: %t, again in %s", stands, again)
	}
	if stands, again := at(inheritancePatience - time.Second); !stands || again != time.Second {
		t.Errorf("after a while: %t, again in %s", stands, again)
	}
	if stands, again := at(inheritancePatience); stands || again != 0 {
		t.Errorf("at last: %t, again in %s", stands, again)
	}
	c.forget(shop())
	at(0)
	c.contradict(shop(), began.Add(time.Second))
	if stands, again := at(time.Second); !stands || again != judgementPatience {
		t.Errorf("contradicted: %t, again in %s", stands, again)
	}
	if stands, _ := at(time.Second + judgementPatience); stands {
		t.Error("it stands long after it was contradicted")
	}
	c.forget(shop())
	at(0)
	c.completed(shop())
	if stands, again := at(0); stands || again != 0 {
		t.Errorf("when all is seen: %t, again in %s", stands, again)
	}
}
