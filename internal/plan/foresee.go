package plan

import (
	"cmp"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/compiler"
)

// foresee returns the conflicts that the previewing profiles would meet if they were enforced, by profile and name.
func (p *planner) foresee() []Conflict {
	byName := map[string]*networkingv1.NetworkPolicy{}
	for _, policy := range p.in.Live {
		byName[policy.Name] = policy
	}
	var out []Conflict
	for _, output := range p.in.Outputs {
		if output.Disposition != compiler.Preview {
			continue
		}
		for i := range output.Policies {
			if live, ok := byName[output.Policies[i].Name]; ok && claim(live, output.Profile) == foreign {
				out = append(out, Conflict{Profile: output.Profile.Key, Policy: live.Name})
			}
		}
	}
	slices.SortFunc(out, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(a.Profile.String(), b.Profile.String()), cmp.Compare(a.Policy, b.Policy))
	})
	return out
}
