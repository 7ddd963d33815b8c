package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// build builds a command of this repository into a file under bin/, with the race detector when the caller was built with it.
// Suites that run side by side want the same file: one builds it, and the others wait and find it up to date.
func build(ctx context.Context, command, binary string) error {
	root, err := RepositoryRoot()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return err
	}
	lock, err := os.Create(binary + ".lock")
	if err != nil {
		return err
	}
	// The lock goes with the file's last descriptor.
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("wait for whoever else builds %s: %w", binary, err)
	}
	args := []string{"build", "-o", binary}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, command)...)
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	return nil
}
