package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
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
	// oneByOne keeps packages apart that would starve each other.
	oneByOne bool
	// flags are for `go test`, binaryFlags for the test binaries.
	flags, binaryFlags []string
	packages           []string
}

// batches returns the packages in the sets that may run side by side.
func (g *group) batches() [][]string {
	switch {
	case len(g.packages) == 0:
		return nil
	case g.oneByOne:
		return slices.Collect(slices.Chunk(g.packages, 1))
	default:
		return [][]string{g.packages}
	}
}

// listGroups sorts the packages that have tests into groups. Without patterns it takes every package of the module.
func listGroups(ctx context.Context, patterns []string) ([]*group, error) {
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	const format = `{{if or .TestGoFiles .XTestGoFiles}}` +
		`{{.ImportPath}} {{join .TestImports " "}} {{join .XTestImports " "}}{{end}}`
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-f", format}, patterns...)...)
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	return groupPackages(stdout.String()), nil
}

// groupPackages reads one line a package: its import path and what its tests import.
func groupPackages(list string) []*group {
	// A suite may take long on a busy machine, and `go test` would end it after ten minutes.
	patient := []string{"-timeout=40m"}
	ginkgo := []string{"-ginkgo.v", "-ginkgo.randomize-all"}
	plain := &group{title: "Tests that need no control plane"}
	plainSpecs := &group{title: "Ginkgo specs that need no control plane", binaryFlags: ginkgo}
	plane := &group{title: "Tests against a control plane", oneByOne: true, flags: patient}
	planeSpecs := &group{title: "Ginkgo specs against a control plane", oneByOne: true, flags: patient, binaryFlags: ginkgo}

	for line := range strings.Lines(list) {
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
		g.packages = append(g.packages, imports[0])
	}
	return []*group{plain, plainSpecs, plane, planeSpecs}
}
