package analyzer

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Judgement is what was found about one profile in one namespace.
type Judgement struct {
	Profile    snapshot.ProfileKey
	UID        types.UID
	Generation int64
	// Findings are sorted; nil when there are none.
	Findings []v1alpha1.Finding
	// Widened says in a sentence why the profile is not isolated: the gravest of what its findings with CodeForeignPolicyWidens
	// say. Empty when there are none.
	Widened string
	// Undecided says why it cannot be told whether the profile is isolated; empty when it can.
	Undecided string
	// Preview is set for a profile that is being previewed.
	Preview *Preview
}

// Analyze judges each profile that acts in a namespace, or is previewed there. Here is the namespace as it is, others are at
// least the namespaces within the reach of the outputs, and all others when one is previewed.
func Analyze(outputs []compiler.Output, here *Place, others []*Place) ([]Judgement, error) {
	w, err := widenings(outputs, here)
	if err != nil {
		return nil, fmt.Errorf("analyze namespace %s: %w", here.Namespace.Name, err)
	}
	var out []Judgement
	for _, o := range outputs {
		if !o.Selected || (o.Disposition != compiler.Enforce && o.Disposition != compiler.Preview) {
			continue
		}
		j, err := analyze(o, here, others)
		if err != nil {
			return nil, fmt.Errorf("analyze %s in namespace %s: %w", o.Profile.Key, here.Namespace.Name, err)
		}
		j.Findings = finding.Sort(slices.Concat(j.Findings, w.foreign[j.Profile], w.profiles[j.Profile], w.mistakes[j.Profile]))
		j.Widened, j.Undecided = gravest(here.Namespace.Name, w.list, j.Profile), w.undecided[j.Profile]
		out = append(out, j)
	}
	return out, nil
}

// widened is what is added to profiles in a namespace, by profile.
type widened struct {
	list                        []Widening
	foreign, profiles, mistakes map[snapshot.ProfileKey][]v1alpha1.Finding
	undecided                   map[snapshot.ProfileKey]string
}

func widenings(outputs []compiler.Output, here *Place) (widened, error) {
	in := WidenInput{Namespace: here.Namespace, Outputs: outputs, Live: here.Policies, Pods: here.Pods}
	var out widened
	list, err := Widened(in)
	if err != nil {
		return out, err
	}
	out.list = list
	out.foreign, out.undecided = WidenedFindings(here.Namespace.Name, list)
	if out.profiles, err = WidenedByProfiles(in); err != nil {
		return out, err
	}
	out.mistakes, err = MistakeFindings(in)
	return out, err
}

func analyze(o compiler.Output, here *Place, others []*Place) (Judgement, error) {
	j := Judgement{Profile: o.Profile.Key, UID: o.Profile.UID, Generation: o.Profile.Generation}
	asEnforced := here
	if o.Disposition == compiler.Preview {
		preview, err := PreviewOf(o, here, others)
		if err != nil {
			return j, err
		}
		if asEnforced, err = Enforced(o, here); err != nil {
			return j, err
		}
		j.Preview = &preview
	}
	flows, err := HalfOpenFlows(o, asEnforced, others)
	if err != nil {
		return j, err
	}
	j.Findings = HalfOpenFindings(o.Profile, here.Namespace.Name, flows)
	return j, nil
}
