package manifests

import (
	"os"
	"path/filepath"
)

// Paths returns the files that Read reads, in its order, as in Source.Path.
func (in Input) Paths() ([]string, error) {
	var out []string
	for _, name := range in.Filenames {
		files, err := filesOf(name, in.Recursive)
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	if in.Kustomize != "" {
		out = append(out, in.Kustomize)
	}
	return out, nil
}

// KustomizationFile returns the kustomization file of a directory; the directory when it has none.
func KustomizationFile(directory string) string {
	for _, name := range kustomizationNames() {
		if info, err := os.Stat(filepath.Join(directory, name)); err == nil && !info.IsDir() {
			return filepath.Join(directory, name)
		}
	}
	return directory
}

func kustomizationNames() []string {
	return []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}
}
