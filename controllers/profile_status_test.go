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

func TestAnEnforcedProfileBecomesReadyAlthoughItIsNotJudged(t *testing.T) {
	c, record, pods := newCluster(t), ledger.New(func(snapshot.ProfileKey) {}), listedPods(t)
	r := &ProfileStatusReconciler{
		kind: v1alpha1.KindSegmentationProfile, client: c, ledger: record, pods: pods,
		reader:  &cluster.Reader{Cache: c, Live: c, Pods: pods, Options: snapshot.DefaultOptions("firebreak-system")},
		plugins: cluster.NewPlugins(func() {}), others: cluster.NewOtherPolicies(func(string) {}),
		events: ownevents.NewRecorder(events.NewFakeRecorder(10), time.Now), metrics: metrics.New(make(chan struct{}), time.Now), writes: newStatusClock(), queues: &statusQueues{},
	}
	conditions := func() map[string]string {
		t.Helper()
		if _, err := r.Reconcile(context.Background(), requestOf(shop())); err != nil {
			t.Fatal(err)
		}
		var p v1alpha1.SegmentationProfile
		if err := c.Get(context.Background(), requestOf(shop()).NamespacedName, &p); err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionIsolated} {
			if found := meta.FindStatusCondition(p.Status.Conditions, kind); found != nil {
				out[kind] = string(found.Status) + "/" + found.Reason
			}
		}
		return out
	}
	if got := conditions()[v1alpha1.ConditionReady]; got != "False/Progressing" {
		t.Fatalf("Ready is %s before the namespace was examined", got)
	}
	record.Record(shop(), "shop", report.Outcome{UID: "u", Generation: 1, State: report.Applied, Policies: 2})
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
