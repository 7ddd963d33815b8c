package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"firebreak.dev/firebreak/test/bench/figures"
	"firebreak.dev/firebreak/test/harness"
)

// counted is how often a benchmark is run; the median of these counts.
const counted = 7

// compiler runs the benchmark of the compiler on one core.
func (b *bench) compiler(ctx context.Context) ([]figures.Figure, error) {
	measured, err := benchmark(ctx, "./internal/compiler", "BenchmarkCompile")
	if err != nil {
		return nil, err
	}
	one, err := having(measured, "Compile/three-tier", "policies/s", "allocs/policy", "B/policy")
	if err != nil {
		return nil, err
	}
	detail := fmt.Sprintf("median of %d runs; a shop of three tiers with DNS and HTTPS to the internet", counted)
	return []figures.Figure{
		{ID: "compiler", Value: one["policies/s"], Detail: detail},
		{ID: "compiler-allocations", Value: one["allocs/policy"], Detail: fmt.Sprintf("%.0f B", one["B/policy"])},
	}, nil
}

// matrix runs the benchmark of the evaluator's matrix on one core.
func (b *bench) matrix(ctx context.Context) ([]figures.Figure, error) {
	measured, err := benchmark(ctx, "./internal/evaluator", "BenchmarkMatrix")
	if err != nil {
		return nil, err
	}
	var out []figures.Figure
	for _, size := range []struct{ id, name string }{{"matrix-1k", "1000pods"}, {"matrix-10k", "10000pods"}, {"matrix-100k", "100000pods"}} {
		one, err := having(measured, "Matrix/"+size.name, "ns/op", "classes", "flows", "B/op")
		if err != nil {
			return nil, err
		}
		out = append(out, figures.Figure{
			ID: size.id, Value: one["ns/op"] / 1e9,
			Detail: fmt.Sprintf("%.0f classes of pods, %.0f flows, %.1f MiB allocated", one["classes"], one["flows"], one["B/op"]/(1<<20)),
		})
	}
	return out, nil
}

// benchmark runs a benchmark on one core, and returns the medians of what it reports, by its name and the unit.
func benchmark(ctx context.Context, pkg, name string) (map[string]map[string]float64, error) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=^"+name+"$", "-benchmem", "-cpu=1", fmt.Sprintf("-count=%d", counted), pkg)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run %s of %s: %w\n%s", name, pkg, err, output)
	}
	values, err := results(string(output))
	if err == nil && len(values) == 0 {
		err = errors.New("there is no such benchmark")
	}
	if err != nil {
		return nil, fmt.Errorf("run %s of %s: %w", name, pkg, err)
	}
	return medians(values), nil
}

// results reads what benchmarks print (https://go.dev/design/14313-benchmark-format): of each name the values by their unit.
func results(output string) (map[string]map[string][]float64, error) {
	out := map[string]map[string][]float64{}
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if out[name] == nil {
			out[name] = map[string][]float64{}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("read %q: %w", line, err)
			}
			out[name][fields[i+1]] = append(out[name][fields[i+1]], value)
		}
	}
	return out, nil
}

// having returns what a benchmark reports, which must be in all these units.
func having(measured map[string]map[string]float64, name string, units ...string) (map[string]float64, error) {
	for _, unit := range units {
		if measured[name][unit] <= 0 {
			return nil, fmt.Errorf("benchmark %s does not say how many %s", name, unit)
		}
	}
	return measured[name], nil
}

func medians(values map[string]map[string][]float64) map[string]map[string]float64 {
	out := map[string]map[string]float64{}
	for name, units := range values {
		out[name] = map[string]float64{}
		for unit, all := range units {
			slices.Sort(all)
			out[name][unit] = all[len(all)/2]
		}
	}
	return out
}

// image builds the operator as its image does.
func (b *bench) image(ctx context.Context) ([]figures.Figure, error) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "firebreak-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir, "./cmd/manager")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the operator: %w\n%s", err, output)
	}
	info, err := os.Stat(filepath.Join(dir, "manager"))
	if err != nil {
		return nil, err
	}
	return []figures.Figure{{ID: "image", Value: float64(info.Size()) / 1e6, Detail: "built as the Dockerfile does, not compressed"}}, nil
}

// starts looks at how long it takes from the start of the operator to its first write, where there is one profile that has no
// policies yet.
func (b *bench) starts(ctx context.Context) (out []figures.Figure, err error) {
	b.say("Starting with one namespace")
	err = b.standing(ctx, placeOptions{}, 1, func(ctx context.Context, r *rollOut) error {
		var beyond, all []time.Duration
		for range 2 * b.rounds {
			sync, err := r.bySync(ctx)
			if err != nil {
				return err
			}
			took, err := r.firstWrite(ctx)
			if err != nil {
				return err
			}
			all, beyond = append(all, took), append(beyond, took-sync[0])
		}
		slices.Sort(all)
		slices.Sort(beyond)
		out = []figures.Figure{{
			ID: "start", Value: beyond[len(beyond)/2].Seconds(), Detail: fmt.Sprintf("median of %d; %s in all", len(all), text(all[len(all)/2])),
		}}
		return nil
	})
	return out, err
}
