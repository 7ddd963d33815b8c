package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const modulePath = "firebreak.dev/firebreak"

// RepositoryRoot returns the directory of this module's go.mod, looked for from the working directory upwards. The
// go.mod of a nested module, such as the one that pins the control plane, does not count.
func RepositoryRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for start := dir; ; dir = filepath.Dir(dir) {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("find the repository: %w", err)
		}
		first, _, _ := strings.Cut(string(content), "\n")
		if strings.TrimSpace(first) == "module "+modulePath {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the repository: no go.mod of %s above %s", modulePath, start)
		}
	}
}

// Program returns the path of one of the control plane's programs, such as kubectl.
func Program(name string) (string, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	dir, err := binaries(root, name)
	return filepath.Join(dir, name), err
}

// binaries returns the directory that holds all the programs: KUBEBUILDER_ASSETS if it does, else bin/k8s. It looks
// where test/controlplane/install.sh puts them.
func binaries(root string, programs ...string) (string, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" && firstMissing(dir, programs) == "" {
		return dir, nil
	}
	dir := filepath.Join(root, "bin", "k8s")
	if program := firstMissing(dir, programs); program != "" {
		return "", fmt.Errorf(`no %s in %s: run "make controlplane"`, program, dir)
	}
	return dir, nil
}

func firstMissing(dir string, programs []string) string {
	for _, program := range programs {
		info, err := os.Stat(filepath.Join(dir, program))
		if err != nil || info.IsDir() {
			return program
		}
	}
	return ""
}
