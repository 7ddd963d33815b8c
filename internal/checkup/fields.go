package checkup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// indexed returns a path in which an allow entry is named by its place in the list, where it was named by its name.
func indexed(entries []v1alpha1.AllowEntry, path string) string {
	const list = "spec.allow["
	rest, ok := strings.CutPrefix(path, list)
	if !ok {
		return path
	}
	name, rest, _ := strings.Cut(rest, "]")
	i := slices.IndexFunc(entries, func(e v1alpha1.AllowEntry) bool { return e.Name == name })
	if i < 0 {
		return path
	}
	return list + strconv.Itoa(i) + "]" + rest
}

// pathOf returns the field that the place of a finding means; empty when it is the profile as a whole, or another object.
func pathOf(p *snapshot.Profile, place string) string {
	tier := func(name string) string {
		i := slices.IndexFunc(p.Tiers, func(t v1alpha1.ClusterTier) bool { return t.Name == name })
		if i < 0 {
			return "spec.tiers"
		}
		return fmt.Sprintf("spec.tiers[%d]", i)
	}
	kind, name, _ := strings.Cut(place, " ")
	switch {
	case strings.HasPrefix(place, "allow["):
		return indexed(p.Allow, "spec."+place)
	case strings.HasPrefix(place, "allow entry "):
		return indexed(p.Allow, "spec.allow["+strings.TrimPrefix(place, "allow entry ")+"]")
	case kind == "tier":
		return tier(name)
	case kind == "tiers":
		first, _, _ := strings.Cut(name, ",")
		return tier(first)
	case slices.Contains([]string{"namespaceSelector", "isolation", "mode", "dns"}, place):
		return "spec." + place
	}
	return ""
}

// policyOf returns the NetworkPolicy that a finding is about, and whether it is about one.
func policyOf(f v1alpha1.Finding) (types.NamespacedName, bool) {
	name, ok := strings.CutPrefix(f.Place, "NetworkPolicy ")
	return types.NamespacedName{Namespace: f.Namespace, Name: name}, ok
}

// peerAt returns the peer that the path of a field leads to, such as spec.allow[0].to[1]; nil when it leads to none.
func peerAt(p *snapshot.Profile, path string) *v1alpha1.Peer {
	var entry, peer int
	var end string
	path = strings.NewReplacer("[", " ", "].", " ", "]", "").Replace(path)
	if _, err := fmt.Sscanf(path, "spec.allow %d %s %d", &entry, &end, &peer); err != nil || entry >= len(p.Allow) {
		return nil
	}
	peers := p.Allow[entry].To
	if end == "from" {
		peers = p.Allow[entry].From
	}
	if peer >= len(peers) {
		return nil
	}
	return &peers[peer]
}
