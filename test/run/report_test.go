package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// stream makes the output of `go test -json` from lines such as "run TestA", "output TestA text" and "pass TestA". A
// dash stands for the package.
func stream(t *testing.T, lines ...string) *strings.Reader {
	t.Helper()
	var b strings.Builder
	for _, line := range lines {
		fields := strings.SplitN(line, " ", 3)
		name := strings.TrimPrefix(fields[1], "-")
		output := ""
		if len(fields) == 3 {
			output = fields[2] + "\n"
		}
		fmt.Fprintf(&b, `{"Action":%q,"Package":"p","Test":%q,"Output":%q}`+"\n", fields[0], name, output)
	}
	return strings.NewReader(b.String())
}

func TestReportCounts(t *testing.T) {
	for name, test := range map[string]struct {
		lines []string
		want  string
		ok    bool
	}{
		"a test with subtests counts as its subtests": {
			[]string{"run TestA", "run TestA/x", "run TestA/y/z", "pass TestA/x", "pass TestA/y/z", "pass TestA", "pass -"},
			"2 passed, 0 failed", true,
		},
		"a failed subtest counts once": {
			[]string{"run TestA", "run TestA/x", "run TestA/y", "fail TestA/x", "pass TestA/y", "fail TestA", "fail -"},
			"1 passed, 1 failed", false,
		},
		"a test that fails beside its subtests counts": {
			[]string{"run TestA", "run TestA/x", "pass TestA/x", "fail TestA", "fail -"},
			"1 passed, 1 failed", false,
		},
		"a test that never ended has failed": {
			[]string{"run TestA", "pass TestA", "run TestB", "output TestB panic: oh", "fail -"},
			"1 passed, 1 failed", false,
		},
		"a package that does not compile has failed": {
			[]string{"fail -"},
			"0 passed, 1 failed", false,
		},
		"a skipped test is named with its reason": {
			[]string{"run TestA", "pass TestA", "run TestB", "output TestB     b_test.go:7: no kernel", "skip TestB", "pass -"},
			"1 passed, 0 failed, 1 skipped", true,
		},
		"a Ginkgo suite counts as its specs": {
			[]string{"run TestA", "output TestA SUCCESS! -- 5 Passed | 0 Failed | 1 Pending | 2 Skipped", "pass TestA", "pass -"},
			"5 passed, 0 failed, 3 skipped", true,
		},
		"a Ginkgo suite whose setup fails has failed": {
			[]string{"run TestA", "output TestA FAIL! -- 0 Passed | 0 Failed | 0 Pending | 4 Skipped", "fail TestA", "fail -"},
			"0 passed, 1 failed, 4 skipped", false,
		},
		"nothing at all is not a success": {nil, "no test ran", false},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(stream(t, test.lines...)); err != nil {
				t.Fatal(err)
			}
			ok := r.summarize()
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if last := lines[len(lines)-1]; last != test.want || ok != test.ok {
				t.Errorf("got %q and %v, want %q and %v", last, ok, test.want, test.ok)
			}
		})
	}
}

func TestReportShowsWhatFailed(t *testing.T) {
	var out strings.Builder
	r := newReport(&out)
	err := r.read(stream(t,
		"run TestA", "output TestA fine", "pass TestA",
		"run TestB", "output TestB got 1, want 2", "fail TestB",
		"run TestC", "output TestC     c_test.go:3: no kernel", "skip TestC",
		"output - WARNING: DATA RACE", "fail -"))
	if err != nil {
		t.Fatal(err)
	}
	r.summarize()
	for _, want := range []string{"FAIL p", "got 1, want 2", "DATA RACE", "TestC: c_test.go:3: no kernel"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "fine") {
		t.Errorf("the output of a test that passed is in:\n%s", out.String())
	}
}

func TestSpecsAreReadFromASuite(t *testing.T) {
	const output = `Will run 4 of 5 specs
------------------------------
thing works
/a_test.go:4
  measured - /a_test.go:5 @ 11/21/26 20:55:55.26
    3 of 4 bytes
• [0.000 seconds]
------------------------------
thing fails
• [FAILED] [0.000 seconds]
  [FAILED] Expected 1 to equal 2
------------------------------
thing skips
S [SKIPPED] [0.000 seconds]
thing [It] skips
/a_test.go:6

  [SKIPPED] needs a
  kernel
  In [It] at: /a_test.go:6
------------------------------
P [PENDING]
thing pends
/a_test.go:7
------------------------------
FAIL! -- 1 Passed | 1 Failed | 1 Pending | 1 Skipped
`
	got := strings.Join(skippedSpecs(output), "\n")
	if want := "thing [It] skips: needs a kernel\nthing pends"; got != want {
		t.Errorf("skipped: got %q, want %q", got, want)
	}
	if got := strings.Join(measurements(output), "\n"); got != "3 of 4 bytes" {
		t.Errorf("measured: got %q", got)
	}
	shown := failedSpecs(output)
	if !strings.Contains(shown, "Expected 1 to equal 2") || !strings.Contains(shown, "FAIL!") {
		t.Errorf("the failure is missing in:\n%s", shown)
	}
	if strings.Contains(shown, "thing works") || strings.Contains(shown, "thing skips") {
		t.Errorf("specs that did not fail are in:\n%s", shown)
	}
}

func TestPackagesAreGroupedByWhatTheirTestsNeed(t *testing.T) {
	lists := map[string]string{
		".": "m/a testing\n" +
			"m/b testing " + ginkgoImport + "\n" +
			harnessImport + " testing " + harnessImport + "\n" +
			"m/c " + envtestImport + " " + ginkgoImport + "\n" +
			"m/d testing\n" +
			"m/e " + envtestImport + " " + ginkgoImport + "\n",
		"test/n": "m/test/n testing\n",
	}
	var got []string
	for _, g := range groupPackages(lists) {
		for _, b := range g.byModule {
			got = append(got, b.module+" "+strings.Join(b.packages, ","))
		}
	}
	if want := ". m/a,m/d;test/n m/test/n;. m/b;. " + harnessImport + ";. m/c,m/e"; strings.Join(got, ";") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPatternLeadsIntoTheModuleItIsAbout(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("test/n/deep", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("test/n/go.mod", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]string{
		"./...":             ". ./...",
		".":                 ". .",
		"m/a":               ". m/a",
		"./test/...":        ". ./test/...",
		"./test/n/...":      "test/n ./...",
		"./test/n":          "test/n .",
		"./test/n/deep/...": "test/n ./deep/...",
		"./test/next":       ". ./test/next",
	} {
		module, within, err := splitPattern(pattern)
		if got := module + " " + within; err != nil || got != want {
			t.Errorf("%s: got %q and %v, want %q", pattern, got, err, want)
		}
	}
}
