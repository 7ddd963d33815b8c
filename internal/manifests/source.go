package manifests

import (
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
)

// Source is where an object stands.
type Source struct {
	// Path is the file as it was named, the kustomize directory, or Stdin.
	Path string
	// Line is that on which the object begins, from 1; 0 when there is none to speak of.
	Line     int
	document *document
	// within is the path of the object in its document; empty unless it is an item of a list.
	within string
}

// String returns "shop.yaml:12", or the path alone.
func (s Source) String() string {
	path := s.Path
	if path == Stdin {
		path = "standard input"
	}
	if s.Line == 0 {
		return path
	}
	return path + ":" + strconv.Itoa(s.Line)
}

// At returns the source of a field.
func (s Source) At(field string) Source {
	s.Line = s.LineOf(field)
	return s
}

// LineOf returns the line of a field, such as "spec.allow[2].from[0].tier", or of the innermost of those around it that is
// there; that of the object for an empty field, and 0 where Line is.
func (s Source) LineOf(field string) int {
	if s.Line == 0 {
		return 0
	}
	node := s.document.root()
	if node == nil {
		return s.Line
	}
	line := node.Line
	for _, step := range append(steps(s.within), steps(field)...) {
		key, value := child(node, step)
		if value == nil {
			break
		}
		node, line = value, key.Line
	}
	return s.document.line + line - 1
}

// firstLine returns the line on which the first field stands, behind comments.
func (s Source) firstLine() int {
	s.Line = s.document.line
	return s.LineOf("")
}

// steps takes a path apart: names of fields, numbers of items, and keys of maps, which stand in brackets too.
func steps(path string) []string {
	var out []string
	for path != "" {
		if strings.HasPrefix(path, "[") {
			key, rest, _ := strings.Cut(path[1:], "]")
			out, path = append(out, key), strings.TrimPrefix(rest, ".")
			continue
		}
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		out, path = append(out, path[:end]), strings.TrimPrefix(path[end:], ".")
	}
	return out
}

// child returns a field or an item of a node, and the node that names it; nil when there is none.
func child(node *yamlv3.Node, step string) (key, value *yamlv3.Node) {
	if node.Kind == yamlv3.AliasNode {
		node = node.Alias
	}
	switch node.Kind {
	case yamlv3.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i], node.Content[i+1]
			}
		}
	case yamlv3.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i]
		}
	default:
	}
	return nil, nil
}
