package controllers

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"
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

// nameOf is the name of a namespace of namespacesOf.
func nameOf(i int) string { return fmt.Sprintf("ns-%04d", i) }

// namespacesOf returns so many namespaces that have a label.
func namespacesOf(number int, label string) []client.Object {
	var out []client.Object
	for i := range number {
		labels := map[string]string{label: "yes", corev1.LabelMetadataName: nameOf(i)}
		out = append(out, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: nameOf(i), Labels: labels}})
	}
	return out
}

// baseProfile is a cluster profile of three tiers for the namespaces that have a label.
func baseProfile(name, label string) *v1alpha1.ClusterSegmentationProfile {
	p := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Generation: 1, Finalizers: []string{v1alpha1.Finalizer}}}
	p.Spec.NamespaceSelector = &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{label: "yes"}}
	for _, app := range []v1alpha1.LabelValue{"web", "api", "db"} {
		selector := &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": app}}
		p.Spec.Tiers = append(p.Spec.Tiers, v1alpha1.ClusterTier{Tier: v1alpha1.Tier{Name: string(app), PodSelector: selector}})
	}
	p.Spec.Mode, p.Spec.Isolation, p.Spec.DNS = v1alpha1.ModeEnforce, v1alpha1.IsolationNamespace, v1alpha1.DNSNone
	return p
}

// newLooked returns what looks at cluster profiles, in a cluster that has these and the other objects.
func newLooked(t testing.TB, others []client.Object, profiles ...*v1alpha1.ClusterSegmentationProfile) *ProfileStatusReconciler {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(others...).WithStatusSubresource(&v1alpha1.ClusterSegmentationProfile{})
	for _, p := range profiles {
		builder.WithObjects(p)
	}
	c := builder.Build()
	pods := cluster.NewPods(cluster.PodEvents{})
	if err := pods.Replace(nil, "1"); err != nil {
		t.Fatal(err)
	}
	r := &ProfileStatusReconciler{
		kind: v1alpha1.KindClusterSegmentationProfile, client: c, ledger: ledger.New(func(snapshot.ProfileKey) {}), pods: pods,
		reader:  &cluster.Reader{Cache: c, Live: c, Pods: pods, Options: snapshot.DefaultOptions("firebreak-system")},
		plugins: cluster.NewPlugins(func() {}), others: noOtherPolicies(t),
		events: ownevents.NewRecorder(events.NewFakeRecorder(10), time.Now), metrics: metrics.New(make(chan struct{}), time.Now),
		writes: newStatusClock(), queues: &statusQueues{},
	}
	// From now on they are listed once.
	r.reader.NamespacesChanged()
	return r
}

// noOtherPolicies is of an API server that is known to have no other policies than NetworkPolicies.
func noOtherPolicies(t testing.TB) *cluster.OtherPolicies {
	t.Helper()
	scheme := metadatafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api := metadatafake.NewSimpleMetadataClient(scheme)
	// It does not know of watches that begin with a list.
	api.PrependWatchReactor("*", func(clienttesting.Action) (bool, watch.Interface, error) {
		w := watch.NewFakeWithOptions(watch.FakeOptions{ChannelSize: 1})
		w.Action(watch.Bookmark, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: "1", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		}})
		return true, w, nil
	})
	known := make(chan struct{})
	others := cluster.NewOtherPolicies(func(string) { close(known) })
	go others.Watch(t.Context(), api, nil)
	<-known
	return others
}

// statusAfter looks at a profile and returns what its status says then.
func statusAfter(t testing.TB, r *ProfileStatusReconciler, p *v1alpha1.ClusterSegmentationProfile) v1alpha1.ProfileStatus {
	t.Helper()
	request := requestOf(asProfile(p).Key)
	if _, err := r.Reconcile(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	var now v1alpha1.ClusterSegmentationProfile
	if err := r.client.Get(t.Context(), request.NamespacedName, &now); err != nil {
		t.Fatal(err)
	}
	return now.Status
}

func TestALookSpeaksOfNothingThatWasLookedAtBefore(t *testing.T) {
	many, few, none := baseProfile("many", "many"), baseProfile("few", "few"), baseProfile("none", "none")
	namespaces := namespacesOf(5, "many")
	namespaces[3].GetLabels()["few"] = "yes"
	r := newLooked(t, namespaces, many, few, none)
	for i := range 5 {
		r.ledger.Record(asProfile(many).Key, nameOf(i), report.Outcome{UID: "many", Generation: 1, State: report.Applied, Policies: 4})
	}
	r.ledger.Record(asProfile(few).Key, nameOf(3), report.Outcome{UID: "few", Generation: 1, State: report.Failed, Error: "forbidden"})
	for range 3 {
		for _, c := range []struct {
			profile  *v1alpha1.ClusterSegmentationProfile
			policies int32
			want     v1alpha1.NamespaceCounts
		}{
			{many, 20, v1alpha1.NamespaceCounts{Selected: 5, Applied: 5}},
			{few, 0, v1alpha1.NamespaceCounts{Selected: 1, Failed: 1}},
			{none, 0, v1alpha1.NamespaceCounts{}},
		} {
			got := statusAfter(t, r, c.profile)
			if got.Policies != c.policies || got.Namespaces == nil || *got.Namespaces != c.want {
				t.Errorf("profile %s has %d policies in %+v, want %d in %+v", c.profile.Name, got.Policies, got.Namespaces, c.policies, c.want)
			}
		}
	}
}
