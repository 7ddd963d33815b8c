package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// stopTimeout is how long a program may take to end after SIGTERM.
	stopTimeout = 45 * time.Second
	// tailBytes is how much of a log an error quotes.
	tailBytes = 4096
)

// Command is what a Process runs: a program by its path, and the file that gets both its outputs.
type Command struct {
	Program string
	Args    []string
	// Env is added to the environment of the caller.
	Env []string
	Log string
}

// Process is a running program. Its methods may be used side by side.
type Process struct {
	name   string
	log    string
	cmd    *exec.Cmd
	exited chan struct{}
	// err is how the program ended; it is set before exited is closed.
	err error
}

// StartProcess starts a program that outlives ctx and writes both its outputs to a file.
func StartProcess(ctx context.Context, c Command) (*Process, error) {
	name := filepath.Base(c.Program)
	log, err := os.Create(c.Log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), c.Program, c.Args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), c.Env...)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), log.Close())
	}
	p := &Process{name: name, log: c.Log, cmd: cmd, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		p.err = errors.Join(cmd.Wait(), log.Close())
	}()
	return p, nil
}

// Exited returns a channel that is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} {
	return p.exited
}

// PID returns the process id, for tests that freeze the program with signals.
func (p *Process) PID() int {
	return p.cmd.Process.Pid
}

// Log returns what the program has written so far.
func (p *Process) Log() (string, error) {
	content, err := os.ReadFile(p.log)
	return string(content), err
}

// Stop sends SIGTERM and waits. It fails, with the end of the log, when the program ended otherwise than with exit code
// 0 (a data race found by the race detector is such an end) or had to be killed.
func (p *Process) Stop() error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.exited:
		if p.err != nil {
			return fmt.Errorf("%s ended with: %w\n%s", p.name, p.err, p.Tail())
		}
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("%s did not stop within %s:\n%s", p.name, stopTimeout, p.Tail()), p.Kill())
	}
}

// Kill ends the program at once, as a crash would, and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.exited
	return nil
}

func (p *Process) signal(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to %s: %w", signal, p.name, err)
	}
	return nil
}

// Failure returns an error when the program has ended, whatever its exit code.
func (p *Process) Failure() error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended (%s):\n%s", p.name, p.cmd.ProcessState, p.Tail())
	default:
		return nil
	}
}

// Tail returns the end of the log for error messages.
func (p *Process) Tail() string {
	content, err := p.Log()
	if err != nil {
		return err.Error()
	}
	if len(content) > tailBytes {
		content = content[len(content)-tailBytes:]
	}
	return strings.TrimSpace(content)
}
