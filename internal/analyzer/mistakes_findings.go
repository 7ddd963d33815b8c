package analyzer

import (
	"errors"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// MistakeFindings returns, for each profile that acts in the namespace or is previewed there, the mistakes of policies that nobody's
// profile wrote and that could select a pod of it, by policy and in the order of Mistakes.
func MistakeFindings(in WidenInput) (map[snapshot.ProfileKey][]v1alpha1.Finding, error) {
	in = in.sorted()
	out := map[snapshot.ProfileKey][]v1alpha1.Finding{}
	budget := selector.NewBudget(maxSteps)
	for _, o := range in.Outputs {
		subjects, err := subjectsOf(o, in.Namespace)
		if err != nil {
			return nil, err
		}
		_, foreign := in.sides(o)
		for _, f := range foreign {
			concerned, err := concerns(f, subjects, budget)
			if err != nil {
				return nil, fmt.Errorf("read NetworkPolicy %s: %w", f.policy.Name, err)
			}
			if concerned && !f.edited {
				out[o.Profile.Key] = append(out[o.Profile.Key], mistakeFindings(in.Namespace.Name, f)...)
			}
		}
	}
	return out, nil
}

func mistakeFindings(namespace string, f side) []v1alpha1.Finding {
	var out []v1alpha1.Finding
	list := Mistakes(f.policy)
	if onlyIngress := slices.Equal(f.policy.Spec.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}); onlyIngress {
		// The API server writes this where the field was left out, so that nothing tells who meant it.
		list = append(list, Mistake{"policyTypes", "only ingress is isolated, and these pods may still connect to anybody; " +
			"write policyTypes: [Ingress, Egress], and what they may connect to under egress, unless another policy isolates their egress"})
	}
	for _, m := range list {
		out = append(out, finding.New(v1alpha1.CodePolicyMistake, namespace, "NetworkPolicy "+f.policy.Name,
			"Taken by itself, NetworkPolicy %s/%s has a likely mistake at %s: %s.", namespace, f.policy.Name, m.Place, m.Message))
	}
	return out
}

// concerns says whether a policy could select a pod of the subjects; also when that is too hard to tell.
func concerns(f side, subjects []subject, budget *selector.Budget) (bool, error) {
	for _, s := range subjects {
		switch possible, err := s.pods.and(&f.policy.Spec.PodSelector).possible(budget); {
		case errors.Is(err, selector.ErrTooComplex):
			return true, nil
		case err != nil || possible:
			return possible, err
		}
	}
	return false, nil
}
