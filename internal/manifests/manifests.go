// Package manifests reads API objects from files, directories, standard input and kustomize directories, and knows where in
// them each stands.
package manifests

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Stdin is the name under which standard input is read, and Source.Path of what stands there.
const Stdin = "-"

// Input says what to read.
type Input struct {
	// Filenames are files, directories, or Stdin. Of a directory, the files that end in .yaml, .yml or .json are read; those of
	// the directories in it only when Recursive.
	Filenames []string
	Recursive bool
	// Kustomize is a directory with a kustomization file; empty for none.
	Kustomize string
	Stdin     io.Reader
}

// IsEmpty says whether there is nothing to read.
func (in Input) IsEmpty() bool { return len(in.Filenames) == 0 && in.Kustomize == "" }

// Object is an API object as it stands in a file, without defaults. Lists are taken apart.
type Object struct {
	*unstructured.Unstructured
	Source Source
}

// Problem is a document that is no API object, or an object that cannot be read as what it says it is.
type Problem struct {
	Source  Source
	Message string
	// Object is nil for a document that is none.
	Object *Object
}

// Error implements error.
func (p Problem) Error() string { return p.Source.String() + ": " + p.Message }

// Read returns the objects in their order, and the documents that are none. The error is about a file that cannot be read, or
// a kustomization that cannot be built.
func Read(in Input) (objects []Object, problems []Problem, err error) {
	for _, name := range in.Filenames {
		files, err := filesOf(name, in.Recursive)
		if err != nil {
			return nil, nil, err
		}
		for _, file := range files {
			text, err := readFile(file, in.Stdin)
			if err != nil {
				return nil, nil, err
			}
			o, p := parse(file, text)
			objects, problems = append(objects, o...), append(problems, p...)
		}
	}
	if in.Kustomize != "" {
		text, err := build(in.Kustomize)
		if err != nil {
			return nil, nil, err
		}
		o, p := parse(in.Kustomize, text)
		for i := range o {
			// What kustomize put together stands in no line.
			o[i].Source.Line = 0
		}
		objects, problems = append(objects, o...), append(problems, p...)
	}
	return objects, problems, nil
}

// filesOf returns the files that a name stands for, sorted. One that is given by its name is read whatever it is called.
func filesOf(name string, recursive bool) ([]string, error) {
	if name == Stdin {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, unwrapPath(err))
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	out, err := walk(name, recursive)
	if err != nil {
		return nil, fmt.Errorf("read directory %s: %w", name, unwrapPath(err))
	}
	if len(out) == 0 {
		advice := "; -R looks into the directories in it, too"
		if recursive {
			advice = ""
		}
		return nil, fmt.Errorf("directory %s has no files that end in .yaml, .yml or .json%s", name, advice)
	}
	return out, nil
}

func walk(directory string, recursive bool) ([]string, error) {
	var out []string
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != directory && !recursive:
			return filepath.SkipDir
		case !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)):
			out = append(out, path)
		}
		return nil
	})
	return out, err
}

// IsKustomization says whether a directory has a kustomization file.
func IsKustomization(directory string) bool {
	return slices.ContainsFunc(kustomizationNames(), func(name string) bool {
		info, err := os.Stat(filepath.Join(directory, name))
		return err == nil && !info.IsDir()
	})
}

func readFile(file string, stdin io.Reader) (string, error) {
	if file == Stdin {
		text, err := io.ReadAll(stdin)
		if err != nil {
			return "", fmt.Errorf("read standard input: %w", err)
		}
		return string(text), nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, unwrapPath(err))
	}
	return string(text), nil
}

// build builds a kustomize directory.
func build(directory string) (string, error) {
	if !IsKustomization(directory) {
		return "", fmt.Errorf("%s is no kustomize directory: it has no kustomization.yaml", directory)
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), directory)
	if err != nil {
		return "", fmt.Errorf("build kustomize directory %s: %w", directory, err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		return "", fmt.Errorf("build kustomize directory %s: %w", directory, err)
	}
	return string(text), nil
}

// unwrapPath leaves the path out of an error whose text gives it already.
func unwrapPath(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// document is a part of a file.
type document struct {
	text string
	// line is that of the file on which the text begins, from 1.
	line int
	// root is the text as a tree, nil when it is none. It is read when somebody asks for a line, and once: a list may have
	// thousands of objects.
	root func() *yamlv3.Node
}

func newDocument(text string, line int) *document {
	return &document{text: text, line: line, root: sync.OnceValue(func() *yamlv3.Node {
		var root yamlv3.Node
		if err := yamlv3.Unmarshal([]byte(text), &root); err != nil || len(root.Content) == 0 {
			return nil
		}
		return root.Content[0]
	})}
}

// split takes a file apart at the lines that separate YAML documents.
func split(text string) []*document {
	var out []*document
	begin := 1
	var lines []string
	flush := func(next int) {
		out = append(out, newDocument(strings.Join(lines, "\n"), begin))
		lines, begin = nil, next
	}
	for i, line := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(line, "---"); ok && (strings.TrimSpace(rest) == "" || strings.HasPrefix(strings.TrimSpace(rest), "#")) {
			flush(i + 2)
			continue
		}
		lines = append(lines, line)
	}
	flush(0)
	return out
}
