package harness

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// BuildPlugin builds the kubectl plugin from source into a directory under bin/ and returns the path of the binary, which is
// named as kubectl looks for it. It is built with the race detector when the caller was.
func BuildPlugin(ctx context.Context) (string, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	directory, args := "plugin", []string{"build"}
	if raceEnabled {
		directory = "plugin-race"
		args = append(args, "-race")
	}
	binary := filepath.Join(root, "bin", directory, "kubectl-firebreak")
	cmd := exec.CommandContext(ctx, "go", append(args, "-o", binary, "./cmd/kubectl-firebreak")...)
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the plugin: %w\n%s", err, output)
	}
	return binary, nil
}
