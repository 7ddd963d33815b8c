package analyzer

import (
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

// side is a policy on one side of the comparison: declared, or not.
type side struct {
	policy *networkingv1.NetworkPolicy
	// edited: a profile wrote it, and somebody has changed it since.
	edited bool
}

// sides says which policies are declared and which are foreign, as far as the profile of an output is concerned. If that is
// previewed, its own policies count as they would be, and those that they would replace do not count at all.
func (in WidenInput) sides(o compiler.Output) (declared, foreign []side) {
	replaced := replacedBy(o)
	dispositions := map[snapshot.ProfileKey]compiler.Disposition{}
	for i := range in.Outputs {
		other := &in.Outputs[i]
		dispositions[other.Profile.Key] = other.Disposition
		if other.Profile.Key == o.Profile.Key || (other.Disposition == compiler.Enforce && !replaced[other.Profile.Key]) {
			declared = append(declared, sidesOf(other.Policies)...)
		}
	}
	for _, live := range in.Live {
		owner, _, ours := plan.Owner(live)
		switch {
		case !ours:
			foreign = append(foreign, side{policy: live})
			continue
		case replaced[owner]:
			continue
		}
		switch dispositions[owner] {
		case compiler.Enforce, compiler.Remove:
			// It is made what the profile wants, or goes.
		default:
			if live.Annotations[v1alpha1.AnnotationSpecHash] == networkpolicy.Hash(live.Spec) {
				declared = append(declared, side{policy: live})
			} else {
				foreign = append(foreign, side{policy: live, edited: true})
			}
		}
	}
	return declared, foreign
}

// replacedBy returns the profiles whose live policies would make room for those of an output that is previewed.
func replacedBy(o compiler.Output) map[snapshot.ProfileKey]bool {
	if o.Disposition != compiler.Preview {
		return nil
	}
	out := map[snapshot.ProfileKey]bool{o.Profile.Key: true}
	if o.Profile.PreviewOf != "" {
		former := o.Profile.Key
		former.Name = o.Profile.PreviewOf
		out[former] = true
	}
	return out
}

func sidesOf(policies []networkingv1.NetworkPolicy) []side {
	var out []side
	for i := range policies {
		out = append(out, side{policy: &policies[i]})
	}
	return out
}
