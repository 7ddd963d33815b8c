package controllers

import (
	"context"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/ledger"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

func TestWhatWasFoundDoesNotOutliveAPolicyThatCannotBeRead(t *testing.T) {
	ctx := context.Background()
	c, record, pods := newCluster(t), ledger.New(func(snapshot.ProfileKey) {}), listedPods(t)
	r := newAnalysis(&cluster.Reader{Cache: c, Live: c, Pods: pods, Options: snapshot.DefaultOptions("firebreak-system")}, &compiler.Compiler{}, record)
	judge := func() (analyzer.Judgement, error) {
		_, err := r.Reconcile(ctx, requestOf(snapshot.ProfileKey{Name: "shop"}))
		facts := []report.NamespaceFacts{{Namespace: snapshot.Namespace{Name: "shop"}}}
		record.Fill(shop(), facts)
		return *facts[0].Judgement, err
	}
	if j, err := judge(); err != nil || j.UID != "u" || j.Undecided != "" {
		t.Fatalf("at first the judgement is %+v, %v", j, err)
	}
	broken := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "broken"}}
	broken.Spec.PodSelector.MatchLabels = map[string]string{"app": "no label value"}
	if err := c.Create(ctx, broken); err != nil {
		t.Fatal(err)
	}
	if j, err := judge(); err == nil || j.UID != "u" || !strings.Contains(j.Undecided, "shop/broken") {
		t.Errorf("with a policy that cannot be read the judgement is %+v, %v", j, err)
	}
	if err := c.Delete(ctx, broken); err != nil {
		t.Fatal(err)
	}
	if j, err := judge(); err != nil || j.Undecided != "" {
		t.Errorf("without it the judgement is %+v, %v", j, err)
	}
}
