package explanation

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// tier finds the pods of a tier, or makes up one where none runs.
func (r resolver) tier(e *end, ref Reference) error {
	output, tier, err := r.findTier(e.place, ref)
	if err != nil {
		return err
	}
	e.Name, e.tier, e.profile = "tier "+tier.Name, &tier, output.Profile.Key
	pods := selector.FromAPI(tier.PodSelector)
	if e.pods, err = matching(pods, e.place.Pods); err != nil {
		return fmt.Errorf("tier %s: podSelector: %w", tier.Name, err)
	}
	return e.orSomeday(pods, tier.Ports, fmt.Sprintf("podSelector of tier %s", tier.Name))
}

// orSomeday makes up a pod that a selector would choose, where there is none.
func (e *end) orSomeday(pods *metav1.LabelSelector, ports []v1alpha1.Port, what string) error {
	if len(e.pods) > 0 {
		return nil
	}
	found, ok, err := selector.Witness([]*metav1.LabelSelector{pods}, nil)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case !ok:
		return fmt.Errorf("%s can match no pod", what)
	}
	e.Hypothetical = true
	pod, unnumbered := withPorts(&snapshot.Pod{Namespace: e.Namespace, Labels: found}, ports)
	e.pods, e.unnumbered = []*snapshot.Pod{pod}, unnumbered
	return nil
}

func matching(s *metav1.LabelSelector, pods []snapshot.Pod) ([]*snapshot.Pod, error) {
	compiled, err := selector.Compile(s)
	if err != nil {
		return nil, err
	}
	var out []*snapshot.Pod
	for i := range pods {
		if compiled.Matches(labels.Set(pods[i].Labels)) {
			out = append(out, &pods[i])
		}
	}
	return out, nil
}

// findTier finds the tier that a reference means, of the profiles that act in a namespace.
func (r resolver) findTier(here *place, ref Reference) (*compiler.Output, v1alpha1.ClusterTier, error) {
	var outputs []*compiler.Output
	var found []v1alpha1.ClusterTier
	for i := range here.Outputs {
		o := &here.Outputs[i]
		tier, ok := o.Profile.Tier(ref.Name)
		if !ok || !acts(o) || (ref.Profile != "" && !bears(o.Profile.Key, ref.Profile)) {
			continue
		}
		if lives, err := snapshot.TierLivesIn(tier, here.Namespace); err != nil || !lives {
			continue
		}
		outputs, found = append(outputs, o), append(found, tier)
	}
	switch len(found) {
	case 0:
		return nil, v1alpha1.ClusterTier{}, fmt.Errorf("there is no such tier in namespace %s%s", here.Namespace.Name, didYouMean(ref.Name, r.tiers()))
	case 1:
		return outputs[0], found[0], nil
	}
	var could []string
	for _, o := range outputs {
		could = append(could, fmt.Sprintf("%s%s/%s/%s", tierPrefix, here.Namespace.Name, prefixed(o.Profile.Key), ref.Name))
	}
	return nil, v1alpha1.ClusterTier{}, fmt.Errorf("that could be %s", strings.Join(could, " or "))
}

// acts says whether a profile acts in the namespace of its output, or would if the namespace were not protected.
func acts(o *compiler.Output) bool { return o.Selected || o.Protected }

// bears says whether a profile is meant by a name: its own, or with the prefix that its policies have.
func bears(key snapshot.ProfileKey, name string) bool {
	return key.Name == name || prefixed(key) == name
}

// prefixed is the name of a profile as that of its policies begins, which tells the kinds apart.
func prefixed(key snapshot.ProfileKey) string {
	if key.Kind == v1alpha1.KindClusterSegmentationProfile {
		return "csegp." + key.Name
	}
	return "segp." + key.Name
}

// tiers are all there are, as they are asked for.
func (r resolver) tiers() []string {
	var out []string
	for i := range r.world.Namespaces {
		here := (*place)(r.world.Namespaces[i])
		for j := range here.Outputs {
			for _, tier := range here.Outputs[j].Profile.Tiers {
				if !acts(&here.Outputs[j]) {
					continue
				}
				name := here.Outputs[j].Profile.Key.Name + "/" + tier.Name
				if here.Namespace.Name != r.namespace {
					name = here.Namespace.Name + "/" + name
				}
				out = append(out, tierPrefix+name)
			}
		}
	}
	return out
}
