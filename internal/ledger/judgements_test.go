package ledger

import (
	"slices"
	"testing"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/snapshot"
)

func TestJudgementsOfANamespaceThatIsGoneAreForgotten(t *testing.T) {
	key := snapshot.ProfileKey{Kind: v1alpha1.KindClusterSegmentationProfile, Name: "base"}
	var told []snapshot.ProfileKey
	l := New(func(k snapshot.ProfileKey) { told = append(told, k) })
	l.Judge("one", []analyzer.Judgement{{Profile: key, Generation: 1}})
	l.Judge("two", []analyzer.Judgement{{Profile: key, Generation: 1}})
	told = nil
	l.ForgetNamespace("one")
	if got := in(l, "base", "one", "two"); got[0].Judgement != nil || got[1].Judgement.Generation != 1 {
		t.Errorf("what is known is %+v", got)
	}
	if !slices.Equal(told, []snapshot.ProfileKey{key}) {
		t.Errorf("told are %v", told)
	}
	l.ForgetNamespace("one")
	if len(told) != 1 {
		t.Errorf("told again: %v", told)
	}
}
