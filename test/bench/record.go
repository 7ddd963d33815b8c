package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/test/bench/figures"
	"firebreak.dev/firebreak/test/harness"
)

// Files of the repository.
const (
	targetsFile = "docs/performance/targets.yaml"
	figuresFile = "docs/performance/figures.yaml"
	document    = "docs/performance.md"
)

// record is what should be measured, what was measured earlier, and what is now.
type record struct {
	root, commit string
	targets      []figures.Target
	earlier      []figures.Figure
	measured     []figures.Figure
}

func openRecord(ctx context.Context) (*record, error) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		return nil, err
	}
	r := &record{root: root}
	describe := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*")
	describe.Dir = root
	// Without git, or outside of a repository, nobody knows.
	if commit, err := describe.Output(); err == nil {
		r.commit = strings.TrimSpace(string(commit))
	}
	return r, errors.Join(r.read(targetsFile, &r.targets), r.read(figuresFile, &r.earlier))
}

// read reads a file of the repository; one that is not there holds nothing.
func (r *record) read(file string, into any) error {
	text, err := os.ReadFile(filepath.Join(r.root, file))
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read what is recorded: %w", err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

func (r *record) add(measured []figures.Figure) {
	for _, f := range measured {
		f.Commit = r.commit
		r.measured = append(r.measured, f)
	}
}

// write records what is measured beside what was measured earlier, and brings the document up to date.
func (r *record) write() error {
	all := figures.Merge(r.targets, r.earlier, r.measured)
	text, err := yaml.Marshal(all)
	if err != nil {
		return err
	}
	const comment = "# Written by make bench.\n"
	if err := os.WriteFile(filepath.Join(r.root, figuresFile), append([]byte(comment), text...), 0o644); err != nil {
		return fmt.Errorf("write what is measured: %w", err)
	}
	path := filepath.Join(r.root, document)
	before, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	after, err := figures.Replace(string(before), figures.Markdown(r.targets, all))
	if err != nil {
		return fmt.Errorf("write the table of %s: %w", document, err)
	}
	return os.WriteFile(path, []byte(after), 0o644)
}

// check returns an error that names the targets which were missed, and those about which nothing can be concluded.
func (r *record) check() error {
	missed, err := figures.NotMet(r.targets, r.measured)
	if err != nil || len(missed) == 0 {
		return err
	}
	return fmt.Errorf("not met:\n  %s", strings.Join(missed, "\n  "))
}
