package render

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/connectivity"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
)

func tierNamed(name string) connectivity.Party {
	return connectivity.Party{Key: "tier " + name, Kind: connectivity.KindTier, Name: "tier " + name, Namespace: "shop", Inside: true}
}

func tcp(port int32) portset.Set { return portset.Of("TCP", port, port) }

// aMatrix has so many tiers, of which each reaches the next.
func aMatrix(tiers int) *connectivity.Matrix {
	m := &connectivity.Matrix{}
	for i := range tiers {
		m.Parties = append(m.Parties, tierNamed(fmt.Sprintf("t%02d", i)))
	}
	for i := range tiers - 1 {
		m.Connections = append(m.Connections, connectivity.Connection{
			From: m.Parties[i], To: m.Parties[i+1], Ports: connectivity.Ports{Allowed: tcp(8080)},
		})
	}
	return m
}

func textOf(t *testing.T, write func(out *bytes.Buffer) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAMatrixIsATableWhereItFitsAndAListElsewhere(t *testing.T) {
	for _, c := range []struct {
		tiers, width int
		isTable      bool
	}{{3, 80, true}, {3, 30, false}, {60, 120, false}, {3, 0, true}} {
		text := textOf(t, func(out *bytes.Buffer) error { return MatrixText(out, aMatrix(c.tiers), Style{Width: c.width}) })
		if strings.Contains(text, "→") == c.isTable {
			t.Errorf("%d tiers in %d columns:\n%s", c.tiers, c.width, text)
		}
		for line := range strings.SplitSeq(text, "\n") {
			if c.width > 0 && utf8.RuneCountInString(line) > c.width {
				t.Errorf("%d columns: %q", c.width, line)
			}
			if strings.TrimRight(line, " ") != line {
				t.Errorf("%q ends in spaces", line)
			}
		}
		if strings.Count(text, "TCP/8080") != c.tiers-1 {
			t.Errorf("%d tiers in %d columns: not every connection is there:\n%s", c.tiers, c.width, text)
		}
	}
}

func TestAMatrixSaysWhatMarksMean(t *testing.T) {
	m := aMatrix(2)
	m.Connections[0].Ports = connectivity.Ports{Allowed: tcp(80).Union(tcp(9090)), Undecidable: tcp(443), Some: tcp(22), Declared: tcp(80).Union(tcp(22)).Union(tcp(443))}
	m.Marks = connectivity.Marks{Undeclared: true, Some: true, Undecidable: true}
	text := textOf(t, func(out *bytes.Buffer) error { return MatrixText(out, m, Style{}) })
	for _, want := range []string{"TCP/80, TCP/9090*", "TCP/22 (some pods)", "TCP/443?", "\n* open", "\n? depends", "\n(some pods) between"} {
		if !strings.Contains(strings.ReplaceAll(text, "\n  ", " "), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	lines, err := csv.NewReader(strings.NewReader(textOf(t, func(out *bytes.Buffer) error { return MatrixCSV(out, m) }))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"tier t00", "shop", "tier t01", "shop", "TCP/80 TCP/9090", "Allowed"},
		{"tier t00", "shop", "tier t01", "shop", "TCP/22", "SomePods"},
		{"tier t00", "shop", "tier t01", "shop", "TCP/443", "Undecidable"},
	}
	if !slices.EqualFunc(lines[1:], want, slices.Equal) {
		t.Errorf("CSV: %q", lines)
	}
}

func TestConnectionsThatNothingRestrictsAreOneBlockWhenTheyAreMany(t *testing.T) {
	m := aMatrix(12)
	m.Open = &connectivity.Open{From: m.Parties, To: m.Parties[:2], Count: 24}
	text := textOf(t, func(out *bytes.Buffer) error { return MatrixText(out, m, Style{}) })
	for _, want := range []string{"Each of these 12 parties can reach each of these 2 parties on every port: 24 connections", "tier t07, 4 more", "to   tier t00, tier t01\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	lines := strings.Count(textOf(t, func(out *bytes.Buffer) error { return MatrixCSV(out, m) }), "\n")
	if lines != 1+11+24 {
		t.Errorf("CSV has %d lines", lines)
	}
	if document := NewMatrixDocument(m); document.Open == nil || len(document.Open.From) != 12 || document.Open.Count != 24 {
		t.Errorf("document: %+v", document.Open)
	}
}

// aDiff has names that Markdown, HTML and tables would misread.
func aDiff(changes int) Diff {
	d := Diff{Comparison: &connectivity.Comparison{Counts: connectivity.Counts{Gained: changes, Unchanged: 2}, Inside: []connectivity.Party{tierNamed("x")}}}
	for i := range changes {
		d.Changes = append(d.Changes, connectivity.Change{
			Kind: connectivity.Gained, From: tierNamed(fmt.Sprint("a|b<script>", i)), To: tierNamed("@everyone_*x*"),
			Ports:  connectivity.Ports{Allowed: tcp(int32(1 + i))},
			Causes: []connectivity.Cause{{Kind: connectivity.CauseEntry, Entry: "`x`", Profile: snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "web"}}},
		})
	}
	return d
}

func TestMarkdownLeavesNamesAsTheyAre(t *testing.T) {
	text := textOf(t, func(out *bytes.Buffer) error { return DiffMarkdown(out, aDiff(1)) })
	want := `| ➕ gained | tier a\|b&lt;script&gt;0 | tier &#64;everyone\_\*x\* | TCP/1 | allow entry \` + "`x\\`" + ` (SegmentationProfile shop/web) |`
	if !strings.Contains(text, want) {
		t.Errorf("want\n%s\nin\n%s", want, text)
	}
}

func TestLongTablesInMarkdownAreFoldedAway(t *testing.T) {
	short := textOf(t, func(out *bytes.Buffer) error { return DiffMarkdown(out, aDiff(5)) })
	long := textOf(t, func(out *bytes.Buffer) error { return DiffMarkdown(out, aDiff(50)) })
	if strings.Contains(short, "<details>") || !strings.Contains(long, "<details><summary>50 rows</summary>\n\n|") || !strings.HasSuffix(long, "|\n\n</details>\n") {
		t.Errorf("short:\n%s\nlong:\n%s", short, long)
	}
	if !strings.HasPrefix(long, "### 50 connections gained, 2 unchanged\n") {
		t.Errorf("the heading is missing:\n%s", long)
	}
}

func TestGainsAreGreenAndLossesAreRed(t *testing.T) {
	d := aDiff(1)
	lost := d.Changes[0]
	lost.Kind = connectivity.Lost
	d.Changes = append(d.Changes, lost)
	text := textOf(t, func(out *bytes.Buffer) error { return DiffText(out, d, Style{Color: true}) })
	if !strings.Contains(text, "\x1b[32m+ ") || !strings.Contains(text, "\x1b[31m- ") {
		t.Errorf("%q", text)
	}
	plain := textOf(t, func(out *bytes.Buffer) error { return DiffText(out, d, Style{}) })
	if strings.Contains(plain, "\x1b") {
		t.Errorf("%q", plain)
	}
}

func TestASummaryCountsWhatThereIs(t *testing.T) {
	for _, c := range []struct {
		counts connectivity.Counts
		want   string
	}{
		{connectivity.Counts{Gained: 2, Lost: 1, Unchanged: 14}, "2 connections gained, 1 lost, 14 unchanged"},
		{connectivity.Counts{Lost: 1}, "1 connection lost, 0 unchanged"},
		{connectivity.Counts{Widened: 3, Narrowed: 1, Unchanged: 1}, "3 connections widened, 1 narrowed, 1 unchanged"},
		{connectivity.Counts{Unchanged: 7}, "No connection changed, 7 unchanged"},
	} {
		if got := Summary(c.counts); got != c.want {
			t.Errorf("%+v: %q", c.counts, got)
		}
	}
}

func TestNoCellOfASpreadsheetIsAFormula(t *testing.T) {
	m := aMatrix(2)
	m.Connections[0].From.Namespace = "=HYPERLINK(1)"
	text := textOf(t, func(out *bytes.Buffer) error { return MatrixCSV(out, m) })
	if !strings.Contains(text, ",'=HYPERLINK(1),") {
		t.Errorf("a spreadsheet computes:\n%s", text)
	}
}
