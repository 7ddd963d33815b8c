package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// What a package's tests import says how to run them.
const (
	harnessImport = "firebreak.dev/firebreak/test/harness"
	envtestImport = "sigs.k8s.io/controller-runtime/pkg/envtest"
	ginkgoImport  = "github.com/onsi/ginkgo/v2"
)

// group is a set of packages whose tests run with the same flags.
type group struct {
	title string
	// onPlane is for packages that start a control plane.
	onPlane bool
	// flags are for `go test`, binaryFlags for the test binaries.
	flags, binaryFlags []string
	// byModule has the packages, a batch for each module.
	byModule []batch
}

// batch is a set of packages of one module.
type batch struct {
	// module is the module's directory.
	module   string
	packages []string
}

// add puts a package into the batch of its module.
func (g *group) add(module, pkg string) {
	last := len(g.byModule) - 1
	if last < 0 || g.byModule[last].module != module {
		g.byModule = append(g.byModule, batch{module: module})
		last++
	}
	g.byModule[last].packages = append(g.byModule[last].packages, pkg)
}

// listGroups sorts the packages that have tests into groups. Without patterns it takes every package of the module.
func listGroups(ctx context.Context, patterns []string) ([]*group, error) {
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	const format = `{{if or .TestGoFiles .XTestGoFiles}}` +
		`{{.ImportPath}} {{join .TestImports " "}} {{join .XTestImports " "}}{{end}}`
	modules := map[string][]string{}
	for _, pattern := range patterns {
		module, within, err := splitPattern(pattern)
		if err != nil {
			return nil, err
		}
		modules[module] = append(modules[module], within)
	}
	lists := map[string]string{}
	for module, patterns := range modules {
		cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-f", format}, patterns...)...)
		var stdout bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = module, &stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("list packages of the module in %s: %w", module, err)
		}
		lists[module] = stdout.String()
	}
	return groupPackages(lists), nil
}

// splitPattern returns the directory of the module that a package pattern leads into, and the pattern as seen from there.
// The go command looks into one module at a time: to it, "./..." ends where another one begins.
func splitPattern(pattern string) (module, within string, err error) {
	if !strings.HasPrefix(pattern, "./") {
		return ".", pattern, nil
	}
	directory, _, _ := strings.Cut(pattern, "...")
	for module = path.Clean(directory); module != "."; module = path.Dir(module) {
		_, err := os.Stat(filepath.Join(filepath.FromSlash(module), "go.mod"))
		if err == nil {
			return module, "." + strings.TrimPrefix(pattern, "./"+module), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", "", fmt.Errorf("find the module of %s: %w", pattern, err)
		}
	}
	return ".", pattern, nil
}

// groupPackages reads, by module, one line a package: its import path and what its tests import.
func groupPackages(lists map[string]string) []*group {
	// A suite may take long on a busy machine, and `go test` would end it after ten minutes.
	// Two at a time keep two cores busy, for a suite often waits; more would starve each other.
	patient := []string{"-timeout=40m", "-p=2"}
	ginkgo := []string{"-ginkgo.v", "-ginkgo.randomize-all"}
	plain := &group{title: "Tests that need no control plane"}
	plainSpecs := &group{title: "Ginkgo specs that need no control plane", binaryFlags: ginkgo}
	plane := &group{title: "Tests against a control plane", onPlane: true, flags: patient}
	planeSpecs := &group{title: "Ginkgo specs against a control plane", onPlane: true, flags: patient, binaryFlags: ginkgo}

	for _, module := range slices.Sorted(maps.Keys(lists)) {
		for line := range strings.Lines(lists[module]) {
			imports := strings.Fields(line)
			if len(imports) == 0 {
				continue
			}
			// The harness's own tests count as importing it.
			onPlane := slices.Contains(imports, harnessImport) || slices.Contains(imports, envtestImport)
			g := plain
			switch specs := slices.Contains(imports, ginkgoImport); {
			case onPlane && specs:
				g = planeSpecs
			case onPlane:
				g = plane
			case specs:
				g = plainSpecs
			}
			g.add(module, imports[0])
		}
	}
	return []*group{plain, plainSpecs, plane, planeSpecs}
}
