package report

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

func TestStatesListsEveryState(t *testing.T) {
	source, err := os.ReadFile("outcome.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`State = "([A-Za-z]+)"`).FindAllSubmatch(source, -1)
	if len(declared) == 0 {
		t.Fatal("no state found")
	}
	for _, d := range declared {
		if !slices.Contains(States(), State(d[1])) {
			t.Errorf("%s is not listed", d[1])
		}
	}
}
