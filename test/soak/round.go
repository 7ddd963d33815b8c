package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

// patience is how long nothing is said of a round that goes on.
const patience = 30 * time.Second

// round is one run of the suite of faults.
type round struct {
	number int
	seed   int64
	// suite is the path of the compiled suite.
	suite string
	// focus selects the specs whose names have it; empty means all.
	focus string
	// until is when no more specs begin that take too long for every day.
	until time.Time
}

// run runs the specs and returns Ginkgo's report about them, in which some may have failed. What fails beside them, such as a
// race that is found, is an error.
func (r round) run(ctx context.Context, out io.Writer) (types.Report, error) {
	name := fmt.Sprintf("round-%d", r.number)
	reportFile, err := filepath.Abs(filepath.Join(logs, name+".json"))
	if err != nil {
		return types.Report{}, err
	}
	args := []string{
		"-test.timeout=120m", "-ginkgo.v", "-ginkgo.no-color", "-ginkgo.timeout=2h",
		fmt.Sprintf("-ginkgo.seed=%d", r.seed), "-ginkgo.json-report=" + reportFile,
	}
	if r.focus != "" {
		args = append(args, "-ginkgo.focus="+r.focus)
	}
	suite, err := filepath.Abs(r.suite)
	if err != nil {
		return types.Report{}, err
	}
	cmd := exec.CommandContext(ctx, suite, args...)
	// A test runs in the directory of its package.
	cmd.Dir, cmd.Env = filepath.Join("test", "faults"), append(os.Environ(), "FIREBREAK_SOAK="+r.until.Format(time.RFC3339))
	// An interrupted suite ends what it has started.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 2 * time.Minute
	fmt.Fprintf(out, "Round %d, seed %d, see %s\n", r.number, r.seed, logOf(name))
	runErr := follow(cmd, logOf(name), out)
	report, err := readReport(reportFile)
	if err != nil {
		return report, errors.Join(fmt.Errorf("round %d ended without a report, see %s: %w", r.number, logOf(name), err), runErr)
	}
	if runErr != nil && report.SuiteSucceeded {
		return report, fmt.Errorf("round %d failed though none of its specs did, see %s: %w", r.number, logOf(name), runErr)
	}
	return report, nil
}

// follow runs a suite, keeps its output, and says now and then how many specs have run.
func follow(cmd *exec.Cmd, logFile string, out io.Writer) error {
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return errors.Join(err, log.Close())
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return errors.Join(err, log.Close())
	}
	said, specs := time.Now(), 0
	lines := bufio.NewReader(io.TeeReader(stdout, log))
	for {
		line, err := lines.ReadString('\n')
		if strings.HasPrefix(line, "• ") {
			specs++
			if time.Since(said) > patience {
				said = time.Now()
				fmt.Fprintf(out, "  specs done: %d\n", specs)
			}
		}
		if err != nil {
			break
		}
	}
	return errors.Join(cmd.Wait(), log.Close())
}

// readReport reads the one suite's report that Ginkgo has written.
func readReport(file string) (types.Report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return types.Report{}, err
	}
	var reports []types.Report
	if err := json.Unmarshal(text, &reports); err != nil {
		return types.Report{}, fmt.Errorf("read %s: %w", file, err)
	}
	if len(reports) != 1 {
		return types.Report{}, fmt.Errorf("%s has %d suites, want one", file, len(reports))
	}
	return reports[0], nil
}
