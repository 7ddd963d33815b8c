package semantics_test

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/random"
)

// shrunk returns a cluster that still fails, from which no single profile, pod, allow entry or peer can be taken.
func shrunk(c random.Cluster, fails func(random.Cluster) bool) random.Cluster {
	for {
		smaller := slices.IndexFunc(smallerThan(c), fails)
		if smaller < 0 {
			return c
		}
		c = smallerThan(c)[smaller]
	}
}

func smallerThan(c random.Cluster) []random.Cluster {
	var out []random.Cluster
	for i := range c.Policies {
		smaller := c
		smaller.Policies = without(c.Policies, i)
		out = append(out, smaller)
	}
	for i := range c.Pods {
		smaller := c
		smaller.Pods = without(c.Pods, i)
		out = append(out, smaller)
	}
	for i, p := range c.Profiles {
		smaller := c
		smaller.Profiles = without(c.Profiles, i)
		out = append(out, smaller)
		for _, list := range smallerLists(p.Allow) {
			smaller.Profiles = slices.Clone(c.Profiles)
			smaller.Profiles[i].Allow = list
			out = append(out, smaller)
		}
	}
	return out
}

// smallerLists returns the entries less one, and less one peer of one.
func smallerLists(entries []v1alpha1.AllowEntry) [][]v1alpha1.AllowEntry {
	var out [][]v1alpha1.AllowEntry
	for i, entry := range entries {
		out = append(out, without(entries, i))
		for j := range entry.From {
			if len(entry.From) > 1 {
				smaller := slices.Clone(entries)
				smaller[i].From = without(entry.From, j)
				out = append(out, smaller)
			}
		}
		for j := range entry.To {
			if len(entry.To) > 1 {
				smaller := slices.Clone(entries)
				smaller[i].To = without(entry.To, j)
				out = append(out, smaller)
			}
		}
	}
	return out
}

func without[T any](list []T, i int) []T { return slices.Delete(slices.Clone(list), i, i+1) }

// describe writes down what a reader of a failure needs.
func describe(c random.Cluster) string {
	var out strings.Builder
	write := func(v any) {
		text, err := yaml.Marshal(v)
		if err != nil {
			text = fmt.Append(nil, v)
		}
		out.WriteString("---\n" + string(text))
	}
	for _, ns := range c.Namespaces {
		fmt.Fprintf(&out, "namespace %s %v\n", ns.Name, ns.Labels)
	}
	for _, p := range c.Pods {
		fmt.Fprintf(&out, "pod %+v\n", p)
	}
	for _, p := range c.Profiles {
		write(p)
	}
	for _, p := range append(compiled(c), c.Policies...) {
		write(p)
	}
	return out.String()
}
