package render

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// Remarks are comments on a profile. Each may have several lines, without the marks of a comment.
type Remarks struct {
	// Head stands above everything, and Foot below.
	Head, Foot string
	// Fields stand above the field of the spec of that name.
	Fields map[string]string
	// Tiers and Entries stand above the tier or the allow entry of that name.
	Tiers, Entries map[string]string
}

// widestFlow is how long something may be that is written in one line.
const widestFlow = 110

// Profile writes a profile as YAML as a person would: without a status, names before what they name, tiers before who may talk to whom,
// and short things in one line.
func Profile(out io.Writer, p *v1alpha1.SegmentationProfile, remarks Remarks) error {
	text, err := json.Marshal(profileDocument(p))
	if err != nil {
		return fmt.Errorf("write a profile: %w", err)
	}
	var document yamlv3.Node
	// JSON is YAML, and this parser keeps the order of keys.
	if err := yamlv3.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("write a profile: %w", err)
	}
	root := document.Content[0]
	inBlocks(root)
	compact(field(root, "metadata"))
	spec := field(root, "spec")
	for _, tier := range items(field(spec, "tiers")) {
		compact(field(tier, "podSelector"))
		compact(field(tier, "ports"))
		tier.HeadComment = remarks.Tiers[value(field(tier, "name"))]
	}
	for _, entry := range items(field(spec, "allow")) {
		for _, key := range []string{"from", "to", "ports"} {
			compact(field(entry, key))
		}
		entry.HeadComment = remarks.Entries[value(field(entry, "name"))]
	}
	for i := 0; spec != nil && i+1 < len(spec.Content); i += 2 {
		spec.Content[i].HeadComment = remarks.Fields[spec.Content[i].Value]
	}
	root.HeadComment, root.FootComment = remarks.Head, remarks.Foot
	encoder := yamlv3.NewEncoder(out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(&document); err != nil {
		return fmt.Errorf("write a profile: %w", err)
	}
	return nil
}

// Profiles writes profiles as JSON, as a List and without a status.
func Profiles(out io.Writer, profiles []*v1alpha1.SegmentationProfile) error {
	list := struct {
		APIVersion string        `json:"apiVersion"`
		Kind       string        `json:"kind"`
		Items      []profileText `json:"items"`
	}{"v1", "List", []profileText{}}
	for _, p := range profiles {
		list.Items = append(list.Items, profileDocument(p))
	}
	return JSON(out, list)
}

// profileText is a profile without what only a cluster fills in, in the order in which people write it.
type profileText struct {
	APIVersion string              `json:"apiVersion"`
	Kind       v1alpha1.Kind       `json:"kind"`
	Metadata   profileTextMetadata `json:"metadata"`
	Spec       profileTextSpec     `json:"spec"`
}

type profileTextMetadata struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

type profileTextSpec struct {
	Mode           v1alpha1.Mode           `json:"mode,omitempty"`
	PreviewOf      string                  `json:"previewOf,omitempty"`
	Isolation      v1alpha1.Isolation      `json:"isolation,omitempty"`
	DNS            v1alpha1.DNS            `json:"dns,omitempty"`
	DeletionPolicy v1alpha1.DeletionPolicy `json:"deletionPolicy,omitempty"`
	Tiers          []v1alpha1.Tier         `json:"tiers"`
	Allow          []v1alpha1.AllowEntry   `json:"allow,omitempty"`
}

func profileDocument(p *v1alpha1.SegmentationProfile) profileText {
	s := p.Spec.DeepCopy()
	for i := range s.Tiers {
		omitTCP(s.Tiers[i].Ports)
	}
	for i := range s.Allow {
		omitTCP(s.Allow[i].Ports)
	}
	return profileText{
		APIVersion: v1alpha1.GroupVersion.String(),
		Kind:       v1alpha1.KindSegmentationProfile,
		Metadata:   profileTextMetadata{Name: p.Name, Namespace: p.Namespace},
		Spec: profileTextSpec{
			Mode: s.Mode, PreviewOf: s.PreviewOf, Isolation: s.Isolation, DNS: s.DNS, DeletionPolicy: s.DeletionPolicy,
			Tiers: s.Tiers, Allow: s.Allow,
		},
	}
}

// omitTCP leaves out the protocol that a port has where none is said.
func omitTCP(ports []v1alpha1.Port) {
	for i := range ports {
		if ports[i].Protocol == corev1.ProtocolTCP {
			ports[i].Protocol = ""
		}
	}
}

// inBlocks takes away how the parser found a node written, but quotes the words that YAML 1.1, which kubectl reads, takes for true and
// false: https://yaml.org/type/bool.html.
func inBlocks(node *yamlv3.Node) {
	node.Style = 0
	if node.Tag == "!!str" && slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(node.Value)) {
		node.Style = yamlv3.DoubleQuotedStyle
	}
	for _, inside := range node.Content {
		inBlocks(inside)
	}
}

// compact has a node written in one line, or each of its items when it is too long for that.
func compact(node *yamlv3.Node) {
	switch {
	case node == nil:
	case width(node) <= widestFlow:
		node.Style = yamlv3.FlowStyle
	case node.Kind == yamlv3.SequenceNode:
		for _, item := range node.Content {
			compact(item)
		}
	case node.Kind == yamlv3.MappingNode:
		for i := 1; i < len(node.Content); i += 2 {
			compact(node.Content[i])
		}
	}
}

// width is about how long a node is in one line.
func width(node *yamlv3.Node) int {
	sum := len(node.Value) + len("{}")
	for _, inside := range node.Content {
		sum += width(inside)
	}
	return sum
}

// field returns what a mapping has by a key; nil when it has not.
func field(node *yamlv3.Node, key string) *yamlv3.Node {
	if node == nil {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

func items(node *yamlv3.Node) []*yamlv3.Node {
	if node == nil {
		return nil
	}
	return slices.Clone(node.Content)
}

func value(node *yamlv3.Node) string {
	if node == nil {
		return ""
	}
	return node.Value
}
