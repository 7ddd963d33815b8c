package main

import (
	"os/exec"
	"strings"
	"testing"
)

// The operator needs none of these, and any of them makes it larger by a lot: see docs/decisions/0019-scrapes-are-let-in-by-our-own-code.md.
// Templates look methods up by name, and so the linker keeps every exported method of every type there is.
func TestTheOperatorIsWithoutWhatWouldMakeItTwiceAsLarge(t *testing.T) {
	large := []string{"k8s.io/apiserver", "github.com/google/cel-go", "github.com/antlr4-go", "google.golang.org/grpc", "go.opentelemetry.io", "text/template", "html/template"}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	if len(linked) < 100 {
		t.Fatalf("only %d packages are linked", len(linked))
	}
	for _, name := range linked {
		for _, one := range large {
			if strings.HasPrefix(name+"/", one+"/") {
				t.Errorf("%s is linked", name)
			}
		}
	}
}
