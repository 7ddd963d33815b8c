package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"firebreak.dev/firebreak/test/audit"
	"firebreak.dev/firebreak/test/harness"
)

// listedRights returns the grants of each table of rights in SECURITY.md, in the tables' order: those of the whole cluster, and
// those of the operator's own namespace. Each row must give a reason.
func listedRights(t *testing.T) [][]audit.Grant {
	t.Helper()
	const head = "\n| API group | resource | verbs | why |\n"
	var out [][]audit.Grant
	_, rest, found := strings.Cut(read(t, "SECURITY.md"), head)
	for found {
		var table string
		table, rest, found = strings.Cut(rest, head)
		table, _, _ = strings.Cut(table, "\n\n")
		var grants []audit.Grant
		for line := range strings.Lines(table) {
			cells := strings.Split(strings.ReplaceAll(strings.Trim(line, "|\n"), "`", ""), "|")
			if strings.HasPrefix(line, "|---") {
				continue
			}
			if len(cells) != 4 || len(strings.TrimSpace(cells[3])) < len("likewise") {
				t.Errorf("SECURITY.md lists a right without a reason: %s", line)
				continue
			}
			group := strings.TrimSpace(cells[0])
			if group == "core" {
				group = ""
			}
			for _, verb := range strings.Fields(cells[2]) {
				grants = append(grants, audit.Grant{Group: group, Resource: strings.TrimSpace(cells[1]), Verb: verb})
			}
		}
		out = append(out, grants)
	}
	return out
}

func TestSecurityListsEveryRightOfTheOperatorAndNoOther(t *testing.T) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	listed := listedRights(t)
	if len(listed) != 2 {
		t.Fatalf("SECURITY.md has %d tables of rights, want one for the whole cluster and one for the operator's namespace", len(listed))
	}
	for i, file := range []string{audit.ClusterRole, audit.Role} {
		granted, err := audit.Granted(root, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range granted {
			if !slices.Contains(listed[i], g) {
				t.Errorf("SECURITY.md does not list %q, which %s grants", g, file)
			}
		}
		seen := map[audit.Grant]bool{}
		for _, g := range listed[i] {
			if seen[g] {
				t.Errorf("SECURITY.md lists %q twice", g)
			}
			if seen[g] = true; !slices.Contains(granted, g) {
				t.Errorf("SECURITY.md lists %q, which %s does not grant", g, file)
			}
		}
	}
}

func TestSecuritySaysWhatTheOperatorIsBuiltAndRunAs(t *testing.T) {
	security, dockerfile := read(t, "SECURITY.md"), read(t, "Dockerfile")
	user := regexp.MustCompile(`(?m)^USER (\d+):\d+$`).FindStringSubmatch(dockerfile)
	if user == nil || user[1] == "0" || !strings.Contains(security, "user "+user[1]) {
		t.Errorf("the Dockerfile names no user by a number that is not root's and that SECURITY.md gives: %v", user)
	}
	stages := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(dockerfile, -1)
	if last := stages[len(stages)-1][1]; last != "gcr.io/distroless/static:nonroot" {
		t.Errorf("the image is made from %s, and not from distroless, as SECURITY.md says", last)
	}
	if !strings.Contains(dockerfile, "CGO_ENABLED=0 ") || !strings.Contains(dockerfile, " -trimpath ") {
		t.Error("the Dockerfile does not build a static, reproducible binary, as SECURITY.md says")
	}
}
