package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/enforcement"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
)

// previewing is the judgement of a preview that cuts and opens so many connections.
func previewing(cut, opened int) analyzer.Judgement {
	several := func(n int) analyzer.Connections {
		out := analyzer.Connections{Count: n}
		for i := range min(n, analyzer.MaxListed) {
			out.Listed = append(out.Listed, analyzer.Connection{Namespace: "shop", From: fmt.Sprint("Deployment ", i), To: "tier web", Ports: portset.Of("TCP", 80, 80)})
		}
		return out
	}
	return analyzer.Judgement{
		Profile: snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "shop"}, UID: "uid", Generation: 3,
		Preview: &analyzer.Preview{Cut: several(cut), Opened: several(opened)},
	}
}

func TestIsolated(t *testing.T) {
	widens := finding.New(v1alpha1.CodeForeignPolicyWidens, "a", "NetworkPolicy allow-all", "allow-all lets everybody in.")
	also := finding.New(v1alpha1.CodeForeignPolicyWidens, "a", "NetworkPolicy other", "other lets some in.")
	halfOpen := finding.New(v1alpha1.CodeHalfOpen, "a", "allow entry x", "x is half open.")
	two := func() Input { return in(baseline(), came(Applied, 1), came(Applied, 1)) }
	for name, c := range map[string]struct {
		in   Input
		want string
	}{
		"isolated":                   {judged(two(), ""), "True Isolated: No other NetworkPolicy admits, for a pod of this profile, a connection that no profile declares."},
		"half open is isolated":      {judged(two(), "", halfOpen), "True Isolated: No other NetworkPolicy admits, for a pod of this profile, a connection that no profile declares."},
		"widened":                    {judged(two(), "", widens), "False ForeignPolicyWidens: allow-all lets everybody in."},
		"widened twice":              {judged(two(), "", widens, also), "False ForeignPolicyWidens: allow-all lets everybody in. (And 1 more.)"},
		"widened, and undecided too": {judged(two(), "hard to say", widens), "False ForeignPolicyWidens: allow-all lets everybody in."},
		"undecided":                  {judged(two(), "hard to say"), "Unknown Undecidable: hard to say"},
		"another API": {changed(judged(two(), ""), func(i *Input) {
			i.Namespaces[1].OtherPolicies = enforcement.OtherPolicyUse{Known: true, Number: 2, Kind: enforcement.OtherPolicyKinds()[0]}
		}), "Unknown OtherPolicyAPI: Policies of another API may admit or deny more in namespace b, which Firebreak does not evaluate: there are 2, such as of kind CiliumNetworkPolicy.cilium.io."},
		"another API that is not read": {changed(judged(two(), ""), func(i *Input) {
			i.Namespaces[1].OtherPolicies = enforcement.OtherPolicyUse{Unread: enforcement.OtherPolicyKinds()[0].Resource}
		}), "Unknown Pending: Whether there are policies of other APIs is not known: ciliumnetworkpolicies.cilium.io are not listed yet, or the operator lacks the right to list them."},
		"one not judged":              {changed(judged(two(), ""), func(i *Input) { i.Namespaces[1].Judgement = nil }), "Unknown Pending: Not examined in every namespace."},
		"widened, and one not judged": {changed(judged(two(), "", widens), func(i *Input) { i.Namespaces[1].Judgement = nil }), "False ForeignPolicyWidens: allow-all lets everybody in."},
		"judged for another profile":  {changed(judged(two(), "", widens), func(i *Input) { i.Namespaces[0].Judgement.UID = "former" }), "Unknown Pending: Not examined in every namespace."},
		"judged for a former spec":    {changed(judged(two(), "", widens), func(i *Input) { i.Namespaces[0].Judgement.Generation = 2 }), "Unknown Pending: Not examined in every namespace."},
		"one not examined":            {judged(in(baseline(), came(Applied, 1), nil), ""), "Unknown Pending: Not examined in every namespace."},
		"one not applied":             {judged(in(baseline(), came(Applied, 1), because(came(Failed, 1), "x")), ""), "Unknown Pending: Not applied in every namespace."},
		"one in a fight":              {judged(in(baseline(), came(Applied, 1), because(came(Contested, 1), "x")), ""), "Unknown Pending: Not applied in every namespace."},
		"no namespace":                {in(baseline()), "True Isolated: No other NetworkPolicy admits, for a pod of this profile, a connection that no profile declares."},
		"a protected one counts not":  {changed(judged(two(), ""), func(i *Input) { i.Namespaces[1].Protected, i.Namespaces[1].Judgement = true, nil }), "True Isolated: No other NetworkPolicy admits, for a pod of this profile, a connection that no profile declares."},
		"a preview":                   {changed(two(), func(i *Input) { i.Profile.Mode = v1alpha1.ModePreview; judged(*i, "", widens) }), "Unknown Previewed: A preview isolates nothing. The findings say what would widen the profile."},
		"an operator that only looks": {changed(two(), func(i *Input) { i.PreviewOnly = true; judged(*i, "") }), "Unknown Previewed: A preview isolates nothing. The findings say what would widen the profile."},
		"invalid":                     {changed(judged(two(), ""), func(i *Input) { i.Profile.Tiers[0].PodSelector = nil }), "Unknown Pending: The profile does not act."},
		"deleting":                    {changed(judged(two(), ""), func(i *Input) { i.Profile.Deleting = true }), "Unknown Pending: The profile does not act."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := said(Status(c.in), v1alpha1.ConditionIsolated); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestThePreviewInStatusListsSomeAndCountsAll(t *testing.T) {
	input := in(shop(), came(Applied, 1))
	input.Profile.Mode = v1alpha1.ModePreview
	judgement := previewing(50, 1)
	input.Namespaces[0].Judgement = &judgement
	got := Status(input).Preview.Connections
	if got == nil || got.Cut != 50 || got.Opened != 1 || len(got.Cuts) != 20 || len(got.Opens) != 1 {
		t.Fatalf("got %+v", got)
	}
	if want := (v1alpha1.PreviewConnection{Namespace: "shop", From: "Deployment 0", To: "tier web", Ports: "TCP/80"}); got.Cuts[0] != want {
		t.Errorf("got %+v, want %+v", got.Cuts[0], want)
	}
	cluster := baseline()
	cluster.Mode = v1alpha1.ModePreview
	many := in(cluster, came(Applied, 1), came(Applied, 1))
	for i := range many.Namespaces {
		copied := previewing(15, 0)
		many.Namespaces[i].Judgement = &copied
	}
	if got := Status(many).Preview.Connections; got.Cut != 30 || len(got.Cuts) != 20 {
		t.Errorf("over two namespaces: %d, %d listed", got.Cut, len(got.Cuts))
	}
	many.Namespaces[1].Judgement = nil
	if got := Status(many).Preview.Connections; got != nil {
		t.Errorf("before every namespace was looked at: %+v", got)
	}
}

func TestAfterARestartTheFormerWordOnIsolationStandsUntilAllIsJudged(t *testing.T) {
	before := Status(judged(in(baseline(), came(Applied, 1), came(Applied, 1)), ""))
	restarted := in(baseline(), came(Applied, 1), came(Applied, 1))
	restarted.Previous, restarted.Now, restarted.Inherited = before, noon.Add(time.Hour), true
	if got := said(Status(restarted), v1alpha1.ConditionIsolated); !strings.HasPrefix(got, "True ") {
		t.Errorf("before it is judged: %q", got)
	}
	if unexamined, unjudged := Left(restarted); unexamined+unjudged == 0 {
		t.Error("it is said that nothing is left")
	}
	widens := finding.New(v1alpha1.CodeForeignPolicyWidens, "a", "NetworkPolicy x", "x.")
	one := judged(restarted, "", widens)
	one.Namespaces = slices.Clone(one.Namespaces)
	one.Namespaces[1].Judgement = nil
	if got := said(Status(one), v1alpha1.ConditionIsolated); !strings.HasPrefix(got, "False ") {
		t.Errorf("once one is judged that is widened: %q", got)
	}
	one.Namespaces[1].Outcome = nil
	if got := said(Status(one), v1alpha1.ConditionReady); !strings.HasPrefix(got, "True ") {
		t.Errorf("while not all is examined: %q", got)
	}
	if got := said(Status(judged(restarted, "", widens)), v1alpha1.ConditionIsolated); !strings.HasPrefix(got, "False ") {
		t.Errorf("once it is judged: %q", got)
	}
}
