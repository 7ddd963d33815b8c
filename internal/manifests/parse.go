package manifests

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/inventory"
)

// parse reads the documents of a file.
func parse(path, text string) ([]Object, []Problem) {
	var objects []Object
	var problems []Problem
	for _, d := range split(text) {
		source := Source{Path: path, Line: d.line, document: d}
		o, err := parseDocument(source)
		if err != nil {
			source.Line, err = lineOfError(source.Line, err)
			if strings.Contains(d.text, "{{") {
				err = fmt.Errorf("this looks like a template, which must be rendered first (helm template): %w", err)
			}
			problems = append(problems, Problem{Source: source, Message: err.Error()})
			continue
		}
		objects = append(objects, o...)
	}
	return objects, problems
}

// parseDocument returns the object of a document, those of a list, or none when it is empty.
func parseDocument(source Source) ([]Object, error) {
	data, err := yaml.YAMLToJSON([]byte(source.document.text))
	if err != nil {
		return nil, err
	}
	var content any
	if err := json.Unmarshal(data, &content); err != nil {
		return nil, err
	}
	if content == nil {
		return nil, nil
	}
	fields, ok := content.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a document is not an object with fields; want apiVersion, kind and metadata")
	}
	// Numbers must be int64, as everywhere in Kubernetes, and not float64.
	u := &unstructured.Unstructured{}
	if kind, _ := fields["kind"].(string); kind == "" || fields["apiVersion"] == nil {
		return nil, fmt.Errorf("apiVersion and kind must be given")
	}
	if err := u.UnmarshalJSON(data); err != nil {
		return nil, err
	}
	source.Line = source.firstLine()
	if u.IsList() {
		return items(u, source)
	}
	if err := sound(u, source.document.text); err != nil {
		return nil, err
	}
	return []Object{{u, source}}, nil
}

// sound refuses what kubectl or the API server would take for something else than is written.
func sound(u *unstructured.Unstructured, text string) error {
	if inventory.Matters(u.GroupVersionKind()) {
		// kubectl takes the last of several fields of one name, and says nothing.
		if _, err := yaml.YAMLToJSONStrict([]byte(text)); err != nil {
			return err
		}
	}
	return namesAreTexts(u)
}

// namesAreTexts refuses an object whose name or namespace is no text, as the API server does: to whom asks for them they are not there,
// and another namespace would be taken. YAML reads no, off and n as false.
func namesAreTexts(u *unstructured.Unstructured) error {
	metadata, _ := u.Object["metadata"].(map[string]any)
	for _, field := range []string{"name", "generateName", "namespace"} {
		switch value := metadata[field].(type) {
		case nil, string:
		default:
			return fmt.Errorf("metadata.%s: Invalid value: %v: must be a text; quote it, if it is one", field, value)
		}
	}
	return nil
}

func items(list *unstructured.Unstructured, source Source) ([]Object, error) {
	var out []Object
	err := list.EachListItem(func(item runtime.Object) error {
		u, ok := item.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("item %d of a %s is a %T", len(out), list.GetKind(), item)
		}
		if err := namesAreTexts(u); err != nil {
			return fmt.Errorf("item %d: %w", len(out), err)
		}
		own := source
		own.within = fmt.Sprintf("items[%d]", len(out))
		own.Line = own.LineOf("")
		out = append(out, Object{u, own})
		return nil
	})
	return out, err
}

// yamlLine is how errors of YAML name a line of the document.
var yamlLine = regexp.MustCompile(`line (\d+): `)

// lineOfError returns the line of the file that an error is about, and the error without the line of the document.
func lineOfError(begin int, err error) (int, error) {
	text := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	text = strings.TrimPrefix(text, "yaml: unmarshal errors:\n  ")
	found := yamlLine.FindStringSubmatch(text)
	if found == nil {
		return begin, fmt.Errorf("%s", text)
	}
	n, convErr := strconv.Atoi(found[1])
	if convErr != nil {
		return begin, err
	}
	return begin + n - 1, fmt.Errorf("%s", strings.Replace(text, found[0], "", 1))
}
