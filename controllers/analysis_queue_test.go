package controllers

import (
	"context"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/ledger"
	"firebreak.dev/firebreak/internal/snapshot"
)

// judgedNext takes so many namespaces from a queue and returns them by priority, sorted.
func judgedNext(q priorityqueue.PriorityQueue[ctrl.Request], count int) map[int][]string {
	out := map[int][]string{}
	for range count {
		item, priority, _ := q.GetWithPriority()
		out[priority] = append(out[priority], item.Name)
		q.Done(item)
	}
	for priority := range out {
		slices.Sort(out[priority])
	}
	return out
}

func TestNamespacesReconciledBeforeTheAnalysisRanAreJudged(t *testing.T) {
	q := priorityqueue.New[ctrl.Request]("early")
	defer q.ShutDown()
	var wakes analysisQueue
	wakes.add("changed", 0, 0)
	wakes.reconciled("early")
	wakes.set(q)
	wakes.reconciled("late")
	if got := judgedNext(q, 2)[handler.LowPriority]; !slices.Equal(got, []string{"early", "late"}) {
		t.Errorf("judged are %q", got)
	}
}

func TestWhatOthersDoIsJudgedBeforeARollOut(t *testing.T) {
	q := priorityqueue.New[ctrl.Request]("urgent")
	defer q.ShutDown()
	r := newAnalysis(&cluster.Reader{Cache: newCluster(t), Pods: listedPods(t)}, &compiler.Compiler{}, ledger.New(func(snapshot.ProfileKey) {}))
	r.wakes.set(q)
	for _, namespace := range []string{"a", "b", "c"} {
		r.wakes.reconciled(namespace)
	}
	ours := policyAt("1", "u")
	ours.OwnerReferences[0].Controller = new(true)
	r.onPolicy().Create(context.Background(), event.CreateEvent{Object: ours}, q)
	theirs := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "widened", Name: "allow-all"}}
	r.onPolicy().Create(context.Background(), event.CreateEvent{Object: theirs}, q)
	got := judgedNext(q, 5)
	if !slices.Equal(got[0], []string{"widened"}) || !slices.Equal(got[handler.LowPriority], []string{"a", "b", "c", ours.Namespace}) {
		t.Errorf("judged are, by priority, %v", got)
	}
}
