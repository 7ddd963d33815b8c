package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"firebreak.dev/firebreak/test/bench/figures"
)

func TestTheDocumentSaysWhatIsRecorded(t *testing.T) {
	r, err := openRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.targets) == 0 || len(r.earlier) == 0 {
		t.Fatalf("%d targets and %d figures are recorded", len(r.targets), len(r.earlier))
	}
	if _, err := figures.NotMet(r.targets, r.earlier); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(r.root, document))
	if err != nil {
		t.Fatal(err)
	}
	want, err := figures.Replace(string(text), figures.Markdown(r.targets, r.earlier))
	if err != nil {
		t.Fatal(err)
	}
	if want != string(text) {
		t.Errorf("the table of %s is not what %s and %s say; it should be\n%s", document, targetsFile, figuresFile, figures.Markdown(r.targets, r.earlier))
	}
}

func TestOnlyWhatThereIsCanBeMeasured(t *testing.T) {
	all, err := chosen("")
	if err != nil || len(all) != len(measurements()) {
		t.Errorf("everything is %d measurements, %v", len(all), err)
	}
	some, err := chosen("matrix,drift")
	if err != nil || len(some) != 2 || some[0].name != "matrix" || some[1].name != "drift" {
		t.Errorf("got %v, %v", some, err)
	}
	if _, err := chosen("drift,speed"); err == nil || !strings.Contains(err.Error(), `"speed"`) {
		t.Errorf("an unknown measurement: %v", err)
	}
}
