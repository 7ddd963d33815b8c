package cli

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/overview"
	"firebreak.dev/firebreak/internal/snapshot"
)

// seen returns an overview of a namespace with profiles of these names, none of which was looked at.
func seen(names ...string) *overview.Overview {
	in := overview.Input{Inventory: inventory.New(), Options: snapshot.DefaultOptions("firebreak-system"), Namespace: "shop"}
	for _, name := range names {
		in.Inventory.Add(&v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Generation: 1}})
	}
	return overview.Of(in)
}

func statusInto(output string) (o *statusCommand, stdout, stderr *bytes.Buffer) {
	streams, _, stdout, stderr := genericiooptions.NewTestIOStreams()
	return &statusCommand{sources: newSources(newShared(streams)), output: output}, stdout, stderr
}

func TestNamesOfProfilesMayNameTheirKind(t *testing.T) {
	const namespaced, cluster = v1alpha1.KindSegmentationProfile, v1alpha1.KindClusterSegmentationProfile
	for arg, want := range map[string]overview.Name{
		"shop":                     {Name: "shop"},
		"segp/shop":                {Kind: namespaced, Name: "shop"},
		"SegmentationProfile/shop": {Kind: namespaced, Name: "shop"},
		"segmentationprofiles.firebreak.dev/shop": {Kind: namespaced, Name: "shop"},
		"csegp/baseline":                              {Kind: cluster, Name: "baseline"},
		"clustersegmentationprofile/baseline":         {Kind: cluster, Name: "baseline"},
		"clustersegmentationprofiles.firebreak.dev/x": {Kind: cluster, Name: "x"},
	} {
		got, err := parseNames([]string{arg})
		if err != nil || !slices.Equal(got, []overview.Name{want}) {
			t.Errorf("%s: got %v, %v", arg, got, err)
		}
	}
	for _, arg := range []string{"", "/", "/shop", "segp/", "pod/shop"} {
		if got, err := parseNames([]string{arg}); err == nil {
			t.Errorf("%q: got %v", arg, got)
		}
	}
}

func TestLinesAreWrittenForWhatChangedOnly(t *testing.T) {
	o, stdout, _ := statusInto(outputTable)
	lines := newStatusLines(o)
	for _, step := range []struct {
		names []string
		want  []string
	}{
		{[]string{"a", "b"}, []string{"PROFILE", "segp/a", "segp/b"}},
		{[]string{"a", "b"}, nil},
		{[]string{"a", "b", "c"}, []string{"segp/c"}},
		{[]string{"a"}, []string{"segp/b", "segp/c"}},
		{[]string{"a", "b"}, []string{"segp/b"}},
	} {
		stdout.Reset()
		if err := lines.show(seen(step.names...), nil); err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(stdout.String()) {
			got = append(got, strings.Fields(line)[0])
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("%v: got %q, want lines of %q", step.names, stdout, step.want)
		}
	}
}

func TestThatSomethingFailsIsSaidOnceUntilItNoLongerDoes(t *testing.T) {
	o, _, stderr := statusInto(outputTable)
	lines := newStatusLines(o)
	failing := errors.New("connection refused")
	for _, step := range []struct {
		failing error
		want    int
	}{{nil, 0}, {failing, 1}, {failing, 1}, {nil, 1}, {failing, 2}} {
		if err := lines.show(seen("a"), step.failing); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(stderr.String(), "may not be current; trying again: connection refused"); got != step.want {
			t.Errorf("said %d times, want %d", got, step.want)
		}
	}
}

func TestAScreenIsDrawnOverAndLeftAsItWas(t *testing.T) {
	o, _, _ := statusInto(outputTable)
	var terminal bytes.Buffer
	height := 0
	s := &statusScreen{statusCommand: o, out: &terminal, size: func() (int, int) { return 80, height }}
	s.enter()
	if terminal.String() != enterScreen {
		t.Errorf("entered with %q", terminal.String())
	}
	for _, c := range []struct{ height, lines int }{{40, 11}, {7, 6}, {0, 11}} {
		terminal.Reset()
		height = c.height
		if err := s.show(seen("a"), nil); err != nil {
			t.Fatal(err)
		}
		drawn := terminal.String()
		if !strings.HasPrefix(drawn, toTop) || !strings.HasSuffix(drawn, clearBelow) {
			t.Errorf("drew %q", drawn)
		}
		// Whatever was on a line before must go, and the last line must not scroll the first away.
		if got := strings.Count(drawn, "\n"); got != c.lines || strings.Count(drawn, clearLine+"\n") != got {
			t.Errorf("a height of %d: drew %d lines, want %d:\n%s", c.height, got, c.lines, drawn)
		}
		if cut := strings.Contains(drawn, "more lines"); cut != (c.height == 7) {
			t.Errorf("a height of %d: cut %v", c.height, cut)
		}
	}
	terminal.Reset()
	s.close()
	left := terminal.String()
	if !strings.HasPrefix(left, leaveScreen) || !strings.Contains(left, "segp/a") {
		t.Errorf("left with %q", left)
	}
}
