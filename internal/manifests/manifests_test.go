package manifests

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write writes files, by name, into a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// kinds returns "Kind namespace/name" of objects, in their order.
func kinds(objects []Object) []string {
	var out []string
	for _, o := range objects {
		out = append(out, o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName())
	}
	return out
}

const twoNamespaces = `# a comment in front

---
apiVersion: v1
kind: Namespace
metadata: {name: a}
--- # and one beside the separator
# and before the object
apiVersion: v1
kind: Namespace
metadata:
  name: b
  labels:
    team.example.com/name: x
`

func TestFilesOfADirectoryAreReadInOrderAndOthersAreNot(t *testing.T) {
	dir := write(t, map[string]string{
		"b.yml": "apiVersion: v1\nkind: Pod\nmetadata: {name: b}", "a.json": `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}`,
		"notes.txt": "nothing", "deep/c.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: c}",
	})
	for recursive, want := range map[bool][]string{false: {"Pod /a", "Pod /b"}, true: {"Pod /a", "Pod /b", "Pod /c"}} {
		objects, problems, err := Read(Input{Filenames: []string{dir}, Recursive: recursive})
		if err != nil || len(problems) > 0 {
			t.Fatal(problems, err)
		}
		if got := kinds(objects); !slices.Equal(got, want) {
			t.Errorf("recursive %t: got %v, want %v", recursive, got, want)
		}
	}
}

func TestAFileThatIsNamedIsReadWhateverItIsCalled(t *testing.T) {
	dir := write(t, map[string]string{"profile.txt": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}"})
	objects, _, err := Read(Input{Filenames: []string{filepath.Join(dir, "profile.txt")}})
	if err != nil || len(objects) != 1 {
		t.Errorf("got %v, %v", kinds(objects), err)
	}
}

func TestWhatIsNotThereIsAnError(t *testing.T) {
	for _, in := range []Input{{Filenames: []string{"nowhere.yaml"}}, {Filenames: []string{t.TempDir()}}, {Kustomize: t.TempDir()}} {
		if _, _, err := Read(in); err == nil {
			t.Errorf("%+v was read", in)
		}
	}
}

func TestAnObjectKnowsItsLines(t *testing.T) {
	objects, problems, err := Read(Input{Filenames: []string{Stdin}, Stdin: strings.NewReader(twoNamespaces)})
	if err != nil || len(problems) > 0 || len(objects) != 2 {
		t.Fatal(kinds(objects), problems, err)
	}
	first, second := objects[0].Source, objects[1].Source
	if first.Line != 4 || second.Line != 9 {
		t.Errorf("the objects begin on lines %d and %d, want 4 and 9", first.Line, second.Line)
	}
	for field, want := range map[string]int{
		"": 9, "kind": 10, "metadata.name": 12, "metadata.labels[team.example.com/name]": 14,
		"metadata.labels[another]": 13, "metadata.nothing.below": 11, "spec.tiers[0]": 9,
	} {
		if got := second.LineOf(field); got != want {
			t.Errorf("%q is on line %d, want %d", field, got, want)
		}
	}
	if got := second.At("metadata.name").String(); got != "standard input:12" {
		t.Errorf("got %q", got)
	}
}

func TestItemsOfListsAreTakenApartAndKnowTheirLines(t *testing.T) {
	const list = `apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: a}
- apiVersion: v1
  kind: Namespace
  metadata:
    name: b
`
	objects, problems, err := Read(Input{Filenames: []string{Stdin}, Stdin: strings.NewReader(list)})
	if err != nil || len(problems) > 0 || len(objects) != 2 {
		t.Fatal(kinds(objects), problems, err)
	}
	if got := objects[1].Source; got.Line != 7 || got.LineOf("metadata.name") != 10 {
		t.Errorf("the second item begins on line %d and is named on line %d", got.Line, got.LineOf("metadata.name"))
	}
}

func TestWhatIsNoObjectIsAProblemAtItsLineAndHidesNothingElse(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"broken YAML":                           {"a: b\n c: d\n", "standard input:2: "},
		"a list":                                {"- a\n- b\n", "standard input:1: a document is not an object"},
		"text":                                  {"hello\n", "standard input:1: a document is not an object"},
		"no kind":                               {"apiVersion: v1\nmetadata: {name: a}\n", "standard input:1: apiVersion and kind must be given"},
		"no apiVersion":                         {"kind: Pod\nmetadata: {name: a}\n", "standard input:1: apiVersion and kind must be given"},
		"a field twice":                         {"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  name: b\n", `standard input:5: key "name" already set in map`},
		"a namespace that YAML takes for false": {"apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: n}\n", "standard input:1: metadata.namespace: Invalid value: false: must be a text"},
		"a name that is a number":               {"apiVersion: v1\nkind: Pod\nmetadata: {name: 7}\n", "standard input:1: metadata.name: Invalid value: 7: must be a text"},
		"a template that is no YAML":            {"apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n", "standard input:1: this looks like a template"},
	} {
		t.Run(name, func(t *testing.T) {
			const good = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: good}\n"
			objects, problems, err := Read(Input{Filenames: []string{Stdin}, Stdin: strings.NewReader(c.text + good)})
			if err != nil {
				t.Fatal(err)
			}
			if len(problems) != 1 || !strings.HasPrefix(problems[0].Error(), c.want) {
				t.Errorf("got %v, want one that begins with %q", problems, c.want)
			}
			if len(objects) != 1 || objects[0].GetName() != "good" {
				t.Errorf("the other object is lost: %v", kinds(objects))
			}
		})
	}
}

func TestEmptyDocumentsAreNothing(t *testing.T) {
	objects, problems, err := Read(Input{Filenames: []string{Stdin}, Stdin: strings.NewReader("---\n# nothing\n---\n\n---\n")})
	if err != nil || len(objects) > 0 || len(problems) > 0 {
		t.Errorf("got %v, %v, %v", kinds(objects), problems, err)
	}
}

func TestNumbersStayWhole(t *testing.T) {
	objects, _, err := Read(Input{Filenames: []string{Stdin}, Stdin: strings.NewReader("apiVersion: v1\nkind: X\nmetadata: {name: a, generation: 9007199254740993}\n")})
	if err != nil || objects[0].GetGeneration() != 9007199254740993 {
		t.Errorf("got %v, %v", objects, err)
	}
}

func TestKustomizeDirectoriesAreBuilt(t *testing.T) {
	dir := write(t, map[string]string{
		"kustomization.yaml": "namespace: shop\nresources: [pod.yaml]\n", "pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
	})
	objects, problems, err := Read(Input{Kustomize: dir})
	if err != nil || len(problems) > 0 || !slices.Equal(kinds(objects), []string{"Pod shop/a"}) {
		t.Fatal(kinds(objects), problems, err)
	}
	if s := objects[0].Source; s.Line != 0 || s.LineOf("metadata.name") != 0 || s.String() != dir {
		t.Errorf("an object that kustomize put together claims to stand at %s", s)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(twoNamespaces)
	f.Add("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n")
	f.Add("a: &x {b: *x}\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		objects, problems := parse("f.yaml", text)
		for _, o := range objects {
			if line := o.Source.LineOf("spec.tiers[0].name"); o.Source.Line < 1 || line < o.Source.document.line || line > lines {
				t.Errorf("an object of %d lines claims to stand at %d, its field at %d", lines, o.Source.Line, line)
			}
		}
		for _, p := range problems {
			if p.Message == "" || p.Source.Line < 1 {
				t.Errorf("problem %+v", p)
			}
		}
	})
}
