package harness

import (
	"context"
	"fmt"
	"path/filepath"
)

// BuildPlugin builds the kubectl plugin from source into a directory under bin/ and returns the path of the binary, which is
// named as kubectl looks for it. It is built with the race detector when the caller was.
func BuildPlugin(ctx context.Context) (string, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	directory := "plugin"
	if raceEnabled {
		directory = "plugin-race"
	}
	binary := filepath.Join(root, "bin", directory, "kubectl-firebreak")
	if err := build(ctx, "./cmd/kubectl-firebreak", binary); err != nil {
		return "", fmt.Errorf("build the plugin: %w", err)
	}
	return binary, nil
}
