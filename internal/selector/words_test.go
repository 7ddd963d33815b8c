package selector

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPodsAreCalledAsPeopleCallThem(t *testing.T) {
	with := func(matchLabels map[string]string, expressions ...metav1.LabelSelectorRequirement) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: matchLabels, MatchExpressions: expressions}
	}
	canary := metav1.LabelSelectorRequirement{Key: "canary", Operator: metav1.LabelSelectorOpDoesNotExist}
	for _, c := range []struct {
		selector     *metav1.LabelSelector
		name, placed string
	}{
		{nil, "every pod", "every pod of shop"},
		{with(nil), "every pod", "every pod of shop"},
		{with(map[string]string{"app": "web"}), "web", "web in shop"},
		{with(map[string]string{"app.kubernetes.io/name": "web"}), "web", "web in shop"},
		{with(nil, In("app", "web")), "pods with app in (web)", "pods with app in (web) in shop"},
		{with(map[string]string{"example.com/scrape": "true"}), "pods with example.com/scrape=true", "pods with example.com/scrape=true in shop"},
		{with(map[string]string{"app": "web", "a": "b"}), "pods with a=b, app=web", "pods with a=b, app=web in shop"},
		{with(map[string]string{"app": "web"}, canary), "pods with app=web, no label canary", "pods with app=web, no label canary in shop"},
		{with(nil, In("app", "web", "api")), "pods with app in (api, web)", "pods with app in (api, web) in shop"},
	} {
		if got := PodsByName(c.selector); got != c.name {
			t.Errorf("%v: got %q, want %q", c.selector, got, c.name)
		}
		if got := Placed(PodsByName(c.selector), "shop"); got != c.placed {
			t.Errorf("%v: got %q, want %q", c.selector, got, c.placed)
		}
	}
}
