package checkup

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

// judged is what became of the profiles of a namespace.
type judged struct {
	outcomes   map[snapshot.ProfileKey]*report.Outcome
	judgements map[snapshot.ProfileKey]*analyzer.Judgement
}

// judge adds what the operator would report of profiles once it has done its work.
func (c *checkup) judge(subjects []*Subject) error {
	wanted := map[snapshot.ProfileKey]bool{}
	for _, s := range subjects {
		wanted[s.Key] = true
	}
	settled, err := outlook.Settled(c.Cluster)
	if err != nil {
		return err
	}
	byNamespace := map[string]judged{}
	for _, ns := range settled.Namespaces {
		acts := func(o compiler.Output) bool { return wanted[o.Profile.Key] && o.Selected }
		if slices.ContainsFunc(ns.Outputs, acts) {
			if byNamespace[ns.Namespace.Name], err = c.judgeNamespace(settled, ns); err != nil {
				return err
			}
		}
	}
	for _, s := range subjects {
		c.judgeProfile(s, settled, byNamespace)
	}
	return nil
}

// judgeNamespace goes the way of the operator in one namespace, from what it wrote to what it finds.
func (c *checkup) judgeNamespace(settled *outlook.Outlook, ns *outlook.Namespace) (judged, error) {
	out := judged{
		outcomes:   report.Ended(c.Cluster.In(ns.Namespace), ns.Outputs, ns.Changes, plan.Result{}, nil),
		judgements: map[snapshot.ProfileKey]*analyzer.Judgement{},
	}
	others := slices.DeleteFunc(settled.Others(ns), func(place *analyzer.Place) bool { return !c.knowsPolicies(place.Namespace.Name) })
	list, err := analyzer.Analyze(ns.Outputs, ns.Place, others)
	if err != nil {
		return out, fmt.Errorf("judge namespace %s: %w", ns.Namespace.Name, err)
	}
	for i := range list {
		out.judgements[list[i].Profile] = &list[i]
	}
	return out, nil
}

// judgeProfile adds the findings about one profile, and that it would not be accepted.
func (c *checkup) judgeProfile(s *Subject, settled *outlook.Outlook, byNamespace map[string]judged) {
	i := slices.IndexFunc(c.Cluster.Profiles, func(p snapshot.Profile) bool { return p.Key == s.Key })
	if i < 0 {
		return
	}
	in := report.Input{Profile: c.Cluster.Profiles[i], PreviewOnly: c.Cluster.Options.PreviewOnly, PodsKnown: true}
	for _, ns := range settled.Namespaces {
		selects, err := in.Profile.Selects(ns.Namespace)
		if err != nil || !selects || ns.Namespace.Terminating {
			continue
		}
		at := byNamespace[ns.Namespace.Name]
		in.Namespaces = append(in.Namespaces, report.NamespaceFacts{
			Namespace: ns.Namespace, Protected: c.Cluster.Options.Protected(ns.Namespace.Name), Pods: ns.Pods,
			Outcome: at.outcomes[s.Key], Judgement: at.judgements[s.Key],
		})
	}
	status, findings := report.StatusAndFindings(in)
	if accepted := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionAccepted); accepted != nil && accepted.Status == "False" {
		refused := finding.New(CodeInvalid, "", "", "%s", accepted.Message)
		refused.Code = v1alpha1.FindingCode(accepted.Reason)
		c.add(s, "metadata.namespace", refused)
	}
	c.addFindings(s, in, findings)
}

// addFindings adds findings, and for those that only a cluster could tell, that this was not checked.
func (c *checkup) addFindings(s *Subject, in report.Input, findings []v1alpha1.Finding) {
	unchecked := c.newUnchecked(in)
	for _, f := range findings {
		path := pathOf(&in.Profile, f.Place)
		if !unchecked.takes(f, path) {
			c.add(s, path, f)
		}
	}
	for _, u := range unchecked.topics() {
		c.add(s, u.field, v1alpha1.Finding{Code: CodeNotChecked, Severity: v1alpha1.SeverityInfo, Message: u.String()})
	}
}
