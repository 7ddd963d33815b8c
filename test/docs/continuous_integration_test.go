package docs_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const integrationPage = "docs/continuous-integration.md"

// shop is the sample; shopOpened lets its database out, and shopInvalid names a tier that there is not.
func shop(t *testing.T) string {
	t.Helper()
	return read(t, "config/samples/three-tier.yaml")
}

func shopOpened(t *testing.T) string {
	t.Helper()
	return shop(t) + "  - {name: backup, from: [{tier: database}], to: [{internet: {}}], ports: [{port: 443}]}\n"
}

func shopInvalid(t *testing.T) string {
	t.Helper()
	return strings.Replace(shop(t), "to: [{tier: database}]", "to: [{tier: databse}]", 1)
}

func parsed[T any](t *testing.T, text string) T {
	t.Helper()
	var out T
	if err := yaml.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return out
}

// step is a step of a GitHub workflow.
type step struct {
	ID, Name, If, Uses, Run string
	Env, With               map[string]any
}

// workflow returns the steps of the page's workflow, and the one that may be added.
func workflow(t *testing.T) (steps []step, label step) {
	t.Helper()
	w := parsed[struct {
		Jobs map[string]struct{ Steps []step }
	}](t, marked(t, integrationPage, "workflow")[0])
	return w.Jobs["firebreak"].Steps, parsed[[]step](t, marked(t, integrationPage, "step")[0])[0]
}

// event is what GitHub knows of a pull request.
type event struct{ fork, approved bool }

// job is a run of a workflow.
type job struct {
	*scene
	event   event
	failed  bool
	outcome map[string]string // by the ID of a step, else by its name
	printed string
}

// runs says whether a step runs. GitHub adds success() where a condition does not ask how the job stands.
func (j *job) runs(s step) bool {
	j.t.Helper()
	condition := strings.TrimSuffix(strings.TrimPrefix(s.If, "${{ "), " }}")
	holds := !j.failed || strings.Contains(condition, "!cancelled()")
	outcome := regexp.MustCompile(`^steps\.(\w+)\.outcome == 'success'$`)
	for term := range strings.SplitSeq(condition, " && ") {
		id := outcome.FindStringSubmatch(term)
		switch {
		case term == "" || term == "!cancelled()":
		case id != nil:
			holds = holds && j.outcome[id[1]] == "success"
		case term == "steps.diff.outputs.code == '1'":
			holds = holds && strings.Contains(j.content(j.records, "github-output"), "code=1\n")
		case term == "github.event.pull_request.head.repo.full_name == github.repository":
			holds = holds && !j.event.fork
		case term == "!contains(github.event.pull_request.labels.*.name, 'connections-approved')":
			holds = holds && !j.event.approved
		default:
			j.t.Fatalf("no test knows the condition %s", term)
		}
	}
	return holds
}

// run runs steps that are shell.
func (j *job) run(steps ...step) *job {
	j.t.Helper()
	known := strings.NewReplacer("${{ github.token }}", "secret", "${{ github.event.number }}", "7", "${{ runner.temp }}", j.temporary)
	sum := j.publish()
	for _, s := range steps {
		name := s.Name
		if s.ID != "" {
			name = s.ID
		}
		if !j.runs(s) {
			j.outcome[name] = "skipped"
			continue
		}
		if file, uploads := s.With["sarif_file"].(string); uploads && j.content("", known.Replace(file)) == "" {
			j.t.Errorf("there is no %s to upload", file)
		}
		var environment []string
		for key, value := range s.Env {
			text, _ := value.(string)
			environment = append(environment, key+"="+known.Replace(text))
		}
		code, printed := j.bash(s.Run, append(environment, "SHA256="+sum)...)
		j.printed += "# " + name + "\n" + printed
		j.outcome[name] = "success"
		if code != 0 {
			j.outcome[name], j.failed = "failure", true
		}
	}
	return j
}

func TestTheGitHubWorkflowOfThePage(t *testing.T) {
	steps, label := workflow(t)
	labelled := append(slices.Clone(steps), label)
	for name, c := range map[string]struct {
		before, after string
		event         event
		steps         []step
		fails         bool
		summary       string // its first line
		comments      bool
	}{
		"nothing changes":                             {shop(t), shop(t), event{}, labelled, false, "### No connection changed, 7 unchanged", true},
		"a connection opens":                          {shop(t), shopOpened(t), event{}, steps, false, "### 1 connection gained, 7 unchanged", true},
		"a connection opens that nobody has approved": {shop(t), shopOpened(t), event{}, labelled, true, "### 1 connection gained, 7 unchanged", true},
		"a connection opens that somebody approved":   {shop(t), shopOpened(t), event{approved: true}, labelled, false, "### 1 connection gained, 7 unchanged", true},
		"a connection opens in a fork":                {shop(t), shopOpened(t), event{fork: true}, steps, false, "### 1 connection gained, 7 unchanged", false},
		"the first profile":                           {"", shop(t), event{}, steps, false, "### 54 connections lost, 6 narrowed, 0 unchanged", true},
		"a profile is refused":                        {shop(t), shopInvalid(t), event{}, steps, true, "", false},
		"a profile is repaired, which diff knows not": {shopInvalid(t), shop(t), event{}, steps, true, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			j := (&job{scene: newScene(t, c.before, c.after), event: c.event, outcome: map[string]string{}}).run(c.steps...)
			summary, _, _ := strings.Cut(j.content(j.records, "github-summary"), "\n")
			if j.failed != c.fails || summary != c.summary {
				t.Errorf("failed %t, summary %q, steps %v:\n%s", j.failed, summary, j.outcome, j.printed)
			}
			comment := ""
			if c.comments {
				comment = "pr\ncomment\n7\n--edit-last\n--create-if-none\n--body-file\n" + filepath.Join(j.temporary, "diff.md") + "\n"
			}
			if called := j.content(j.records, "gh.args"); called != comment {
				t.Errorf("gh was called with\n%s", called)
			}
			if c.comments && j.content(j.temporary, "diff.md") != j.content(j.records, "github-summary") {
				t.Error("the comment says something else than the summary")
			}
			if refused := strings.Contains(j.content(j.temporary, "firebreak.sarif"), "databse"); refused != (c.after == shopInvalid(t)) {
				t.Errorf("that the profile is refused is an annotation: %t", refused)
			}
		})
	}
}

func TestTheGitHubWorkflowOfThePageRefusesAnotherArchive(t *testing.T) {
	steps, _ := workflow(t)
	s := newScene(t, shop(t), shop(t))
	s.publish()
	for _, step := range steps {
		if step.ID == "install" {
			sum, _ := step.Env["SHA256"].(string)
			if code, printed := s.bash(step.Run, "SHA256="+sum); code == 0 {
				t.Errorf("an archive with another sum is installed:\n%s", printed)
			}
		}
	}
}

// scripts returns the shell of the jobs of the page's pipeline.
func scripts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, j := range parsed[map[string]struct{ Script []string }](t, marked(t, integrationPage, "pipeline")[0]) {
		out[name] = strings.Join(j.Script, "\n")
	}
	return out
}

func TestTheGitLabPipelineOfThePage(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		fails         bool
		says          string // the first line of what diff prints
		note          bool
	}{
		"nothing changes":      {shop(t), shop(t), false, "### No connection changed, 7 unchanged", false},
		"a connection opens":   {shop(t), shopOpened(t), false, "### 1 connection gained, 7 unchanged", true},
		"the first profile":    {"", shop(t), false, "### 54 connections lost, 6 narrowed, 0 unchanged", true},
		"a profile is refused": {shop(t), shopInvalid(t), true, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, c.before, c.after).install()
			if code, printed := s.bash(scripts(t)["firebreak-check"]); (code != 0) != c.fails {
				t.Errorf("check exits with %d:\n%s", code, printed)
			}
			if report := s.content(s.repository, "firebreak.xml"); !strings.Contains(report, "<testsuites") || strings.Contains(report, "databse") != c.fails {
				t.Errorf("the report is\n%s", report)
			}
			code, printed := s.gitLabDiff()
			says, _, _ := strings.Cut(s.content(s.repository, "firebreak.md"), "\n")
			if (code != 0) != c.fails || says != c.says {
				t.Errorf("diff exits with %d and says %q:\n%s", code, says, printed)
			}
			called := s.content(s.records, "curl.args")
			sent := strings.Contains(called, "\nPRIVATE-TOKEN: secret\n--data-urlencode\nbody@firebreak.md\nhttps://gitlab.example.com/api/v4/projects/42/merge_requests/7/notes\n")
			if sent != c.note || (called != "") != c.note {
				t.Errorf("curl was called with\n%s", called)
			}
		})
	}
}

// gitLabDiff runs the job that compares.
func (s *scene) gitLabDiff() (code int, printed string) {
	s.t.Helper()
	base, err := exec.CommandContext(s.t.Context(), "git", "-C", s.repository, "rev-parse", "HEAD^1").Output()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.bash(scripts(s.t)["firebreak-diff"], "CI_MERGE_REQUEST_DIFF_BASE_SHA="+strings.TrimSpace(string(base)), "TMPDIR="+s.temporary,
		"CI_API_V4_URL=https://gitlab.example.com/api/v4", "CI_MERGE_REQUEST_PROJECT_ID=42", "CI_MERGE_REQUEST_IID=7", "FIREBREAK_TOKEN=secret")
}

func TestNoPluginIsNoChangeOfConnections(t *testing.T) {
	s := newScene(t, shop(t), shop(t))
	if code, printed := s.gitLabDiff(); code == 0 || s.content(s.records, "curl.args") != "" {
		t.Errorf("without the plugin, the job passes:\n%s", printed)
	}
}

func TestTheHookOfThePage(t *testing.T) {
	config := parsed[struct {
		Repos []struct{ Hooks []struct{ Entry string } }
	}](t, marked(t, integrationPage, "hook")[0])
	entry := config.Repos[0].Hooks[0].Entry
	for name, c := range map[string]struct {
		after string
		want  int
	}{"a profile is well": {shop(t), 0}, "a profile is refused": {shopInvalid(t), 1}} {
		t.Run(name, func(t *testing.T) {
			if code, printed := newScene(t, shop(t), c.after).install().bash(entry); code != c.want {
				t.Errorf("exit code %d:\n%s", code, printed)
			}
		})
	}
}

func TestTheScriptsOfThePage(t *testing.T) {
	blocks := marked(t, integrationPage, "script")
	for name, c := range map[string]struct {
		after string
		want  []int // the exit codes of the scripts: of diff after helm, of explain
	}{
		"nothing changes":      {shop(t), []int{0, 0}},
		"a connection opens":   {shopOpened(t), []int{1, 1}},
		"a profile is refused": {shopInvalid(t), []int{2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, shop(t), c.after).install()
			s.write(filepath.Join(s.temporary, "base", "chart", "shop.yaml"), shop(t))
			for i, block := range blocks {
				if code, printed := s.bash(block); code != c.want[i] {
					t.Errorf("exit code %d of\n%s\n%s", code, block, printed)
				}
			}
		})
	}
}
