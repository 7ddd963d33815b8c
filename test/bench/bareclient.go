package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// bareWithin is how long the bare client may take to be ready, and to do its work.
const bareWithin = 10 * time.Minute

// bareClient is the bare client's program while it runs.
type bareClient struct {
	// guard ends it when it takes too long.
	guard *time.Timer
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Reader
}

// startBare starts the bare client and returns when it is ready to begin. Whoever starts it lets it finish.
func (p *place) startBare(ctx context.Context, does string, args ...string) (*bareClient, error) {
	ctx, cancel := context.WithCancel(ctx)
	b := &bareClient{guard: time.AfterFunc(bareWithin, cancel), cmd: exec.CommandContext(ctx, p.bareBinary, append([]string{does, "-kubeconfig=" + p.bare}, args...)...)}
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if b.stdin, err = b.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	b.cmd.Stderr, b.lines = os.Stderr, bufio.NewReader(stdout)
	if err := b.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the bare client: %w", err)
	}
	if line, err := b.lines.ReadString('\n'); line != "ready\n" {
		return nil, errors.Join(fmt.Errorf("the bare client is not ready, but says %q: %w", line, err), b.stdin.Close(), b.cmd.Wait())
	}
	return b, nil
}

// finish gives the word to begin, or to end what it does until then, and returns how long it took.
func (b *bareClient) finish() (time.Duration, error) {
	b.guard.Reset(bareWithin)
	defer b.guard.Stop()
	_, err := fmt.Fprintln(b.stdin, "go")
	line, readErr := b.lines.ReadString('\n')
	if err := errors.Join(err, readErr, b.cmd.Wait()); err != nil {
		return 0, fmt.Errorf("run the bare client: %w", err)
	}
	nanoseconds, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read how long the bare client took: %w", err)
	}
	return time.Duration(nanoseconds), nil
}
