package docs_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"firebreak.dev/firebreak/test/harness"
)

// marked returns the fenced blocks of a page that stand below a comment of that name.
func marked(t *testing.T, page, name string) []string {
	t.Helper()
	var blocks []string
	for _, match := range regexp.MustCompile("(?s)<!-- "+name+" -->\n```[a-z]+\n(.*?)\n```").FindAllStringSubmatch(read(t, page), -1) {
		blocks = append(blocks, match[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no %s", page, name)
	}
	return blocks
}

// scene is a repository, checked out as what merging a pull request would make of it, on a machine where gh, curl and helm only
// note what they were called with.
type scene struct {
	t *testing.T
	// repository is the checkout, programs is first on the PATH, temporary is RUNNER_TEMP, records is where the stand-ins write.
	repository, programs, temporary, records string
}

// newScene makes a scene in which a pull request puts one profile in place of another. An empty one is none.
func newScene(t *testing.T, before, after string) *scene {
	t.Helper()
	s := &scene{t: t, repository: t.TempDir(), programs: t.TempDir(), temporary: t.TempDir(), records: t.TempDir()}
	kubectl, err := harness.Program("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(kubectl, filepath.Join(s.programs, "kubectl")); err != nil {
		t.Fatal(err)
	}
	record := "#!/bin/bash\nprintf '%s\\n' \"$@\" > \"$RECORDS/${0##*/}.args\"\ncat > \"$RECORDS/${0##*/}.stdin\"\n"
	s.write(filepath.Join(s.programs, "gh"), record)
	s.write(filepath.Join(s.programs, "helm"), record+"cat \"${@: -1}\"/*.yaml\n")
	s.write(filepath.Join(s.programs, "curl"), record+"while [ $# -gt 1 ]; do if [ \"$1\" = -o ]; then cp \"$RECORDS/archive\" \"$2\"; fi; shift; done\n")
	s.git("init", "--quiet", "--initial-branch=main")
	s.git("remote", "add", "origin", s.repository)
	s.commit(before)
	s.git("checkout", "--quiet", "-b", "change")
	s.commit(after)
	s.git("checkout", "--quiet", "--detach", "main")
	s.git("merge", "--quiet", "--no-ff", "-m", "merge", "change")
	return s
}

// commit makes a profile what deploy/ and chart/ hold.
func (s *scene) commit(profile string) {
	s.t.Helper()
	s.write(filepath.Join(s.repository, "README.md"), "A shop.\n")
	for _, directory := range []string{"deploy", "chart"} {
		if profile != "" {
			s.write(filepath.Join(s.repository, directory, "shop.yaml"), profile)
		}
	}
	s.git("add", ".")
	s.git("commit", "--quiet", "--allow-empty", "-m", "commit")
}

func (s *scene) write(file, content string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

// content returns what a file holds, and nothing if there is none.
func (s *scene) content(directory, file string) string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(directory, file))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(data)
}

// launcher is a program that becomes the plugin, which is large.
func (s *scene) launcher() string {
	s.t.Helper()
	plugin, err := harness.BuildPlugin(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return "#!/bin/bash\nexec '" + plugin + "' \"$@\"\n"
}

// install puts the plugin on the PATH.
func (s *scene) install() *scene {
	s.t.Helper()
	s.write(filepath.Join(s.programs, "kubectl-firebreak"), s.launcher())
	return s
}

// publish makes curl download an archive with the plugin, and returns its SHA-256.
func (s *scene) publish() string {
	s.t.Helper()
	var archive bytes.Buffer
	compressed := gzip.NewWriter(&archive)
	files, content := tar.NewWriter(compressed), s.launcher()
	err := files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "kubectl-firebreak", Mode: 0o755, Size: int64(len(content))})
	_, err2 := files.Write([]byte(content))
	if err := errors.Join(err, err2, files.Close(), compressed.Close()); err != nil {
		s.t.Fatal(err)
	}
	s.write(filepath.Join(s.records, "archive"), archive.String())
	sum := sha256.Sum256(archive.Bytes())
	return hex.EncodeToString(sum[:])
}

func (s *scene) git(args ...string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
	cmd.Dir = s.repository
	if output, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, output)
	}
}

// bash runs a script in the repository, as the shells of both GitHub and GitLab do it: until a command fails. It returns the
// exit code and all that was printed.
func (s *scene) bash(script string, environment ...string) (code int, printed string) {
	s.t.Helper()
	path := strings.ReplaceAll(s.content(s.records, "github-path"), "\n", ":") + s.programs + ":" + os.Getenv("PATH")
	cmd := exec.CommandContext(s.t.Context(), "bash", "-e", "-c", script)
	cmd.Dir = s.repository
	cmd.Env = append(os.Environ(), "PATH="+path, "RECORDS="+s.records, "KUBECONFIG="+filepath.Join(s.records, "none"), "RUNNER_TEMP="+s.temporary,
		"GITHUB_PATH="+filepath.Join(s.records, "github-path"), "GITHUB_OUTPUT="+filepath.Join(s.records, "github-output"),
		"GITHUB_STEP_SUMMARY="+filepath.Join(s.records, "github-summary"))
	cmd.Env = append(cmd.Env, environment...)
	output, err := cmd.CombinedOutput()
	if exit := (&exec.ExitError{}); errors.As(err, &exit) {
		return exit.ExitCode(), string(output)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return 0, string(output)
}
