package compiler

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/selector"
)

// maxPurpose bounds the purpose annotation, in bytes: long enough for a screenful, far below what an object may hold.
const maxPurpose = 4096

// tierPurpose says in words what a tier's policy does, one line a flow, sorted: entries in another order are the same
// policy, to the byte.
func tierPurpose(tier v1alpha1.ClusterTier, flows []flow) string {
	first := "Isolates tier " + tier.Name + "."
	if tier.Description != "" {
		first = "Isolates tier " + tier.Name + ": " + endSentence(tier.Description)
	}
	lines := []string{first}
	for _, f := range flows {
		if f.purpose != "" {
			lines = append(lines, f.purpose)
		}
	}
	slices.Sort(lines[1:])
	// A peer that is reached at several places has the same sentence for each.
	return cut(strings.Join(slices.Compact(lines), "\n"), maxPurpose)
}

// sentence says what an entry opens at one end: "metrics: accepts tier web on TCP 8080. Why."
func sentence(entry v1alpha1.AllowEntry, what, ports string) string {
	text := entry.Name + ": " + what + " on " + ports + "."
	if entry.Description != "" {
		text += " " + endSentence(entry.Description)
	}
	return text
}

func endSentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, "?") {
		return text
	}
	return text + "."
}

// cut shortens a text to a number of bytes without splitting a character.
func cut(text string, limit int) string {
	const more = "…"
	if len(text) <= limit {
		return text
	}
	text = text[:limit-len(more)]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + more
}

func describePeer(p v1alpha1.Peer) string {
	switch {
	case p.Tier != "":
		return "tier " + p.Tier
	case p.Pods != nil:
		return describePods(*p.Pods)
	case p.IPBlocks != nil:
		return "addresses " + list(p.IPBlocks.CIDRs) + describeExcept(p.IPBlocks.Except)
	case p.Internet != nil:
		return "the public internet" + describeExcept(p.Internet.Except)
	case p.RemoteTier != nil:
		return fmt.Sprintf("tier %s of SegmentationProfile %s/%s", p.RemoteTier.Tier, p.RemoteTier.Namespace, p.RemoteTier.Profile)
	case p.Service != nil:
		return describeService(*p.Service)
	case p.KubeAPIServer != nil:
		return "the Kubernetes API server"
	case p.Nodes != nil:
		return describeNodes(*p.Nodes)
	default:
		return "anywhere"
	}
}

func describeService(p v1alpha1.ServicePeer) string {
	if p.Namespace == "" {
		return "Service " + p.Name
	}
	return "Service " + p.Namespace + "/" + p.Name
}

func describeNodes(p v1alpha1.NodesPeer) string {
	if p.NodeSelector == nil || isEmptySelector(p.NodeSelector) {
		return "nodes"
	}
	return "nodes with " + describeSelector(p.NodeSelector)
}

func describeExcept(except []string) string {
	if len(except) == 0 {
		return ""
	}
	return " except " + list(except)
}

// list joins the members of a set in one order.
func list(set []string) string {
	if len(set) == 1 {
		return set[0]
	}
	return strings.Join(slices.Sorted(slices.Values(set)), ", ")
}

func describePods(p v1alpha1.PodsPeer) string {
	pods := "all pods"
	if p.PodSelector != nil && !isEmptySelector(p.PodSelector) {
		pods = "pods with " + describeSelector(p.PodSelector)
	}
	switch {
	case len(p.Namespaces) > 0 && p.NamespaceSelector != nil:
		return fmt.Sprintf("%s of namespaces %s with %s", pods, list(p.Namespaces), describeSelector(p.NamespaceSelector))
	case len(p.Namespaces) == 1:
		return pods + " of namespace " + p.Namespaces[0]
	case len(p.Namespaces) > 1:
		return pods + " of namespaces " + list(p.Namespaces)
	case p.NamespaceSelector != nil && isEmptySelector(p.NamespaceSelector):
		return pods + " of every namespace"
	case p.NamespaceSelector != nil:
		return pods + " of namespaces with " + describeSelector(p.NamespaceSelector)
	}
	return pods + " of this namespace"
}

func describeSelector(s *v1alpha1.LabelSelector) string {
	return cmp.Or(selector.InWords(selector.FromAPI(s)), "any labels")
}

func describePorts(ports []v1alpha1.Port) string {
	var parts []string
	for _, p := range ports {
		text := string(p.Protocol) + " " + p.Port.String()
		if p.EndPort != nil {
			text += "-" + strconv.Itoa(int(*p.EndPort))
		}
		parts = append(parts, text)
	}
	return list(parts)
}
