//go:build linux

package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable is set for the program that runs inside: to what it is there for.
const insideVariable = "FIREBREAK_SANDBOX"

const (
	// toRun is to do what the program is for, and toTry is to end as soon as the sandbox is ready.
	toRun = "run"
	toTry = "try"
)

// readyDescriptor is the file descriptor on which the program inside says what the sandbox lacks: the first besides the standard ones.
const readyDescriptor = 3

// programs returns what a testbed calls, with the Debian package of each.
func programs() map[string]string {
	return map[string]string{"ip": "iproute2", "iptables": "iptables", "ip6tables": "iptables", "nft": "nftables", "mount": "mount"}
}

// Inside says whether this program runs in a sandbox: as the first of its PID namespace.
func Inside() bool { return os.Getenv(insideVariable) != "" && os.Getpid() == 1 }

// Possible makes a sandbox and throws it away. When that fails, the error says what this machine lacks, or what there is to do. The
// program inside must call Furnish.
func Possible(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	var missing []string
	for program, debian := range programs() {
		if _, err := exec.LookPath(program); err != nil && !slices.Contains(missing, debian) {
			missing = append(missing, debian)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("programs are missing: on Debian, apt-get install %s", strings.Join(missing, " "))
	}
	_, err := enter(ctx, toTry)
	return err
}

// Enter runs this program again, with its arguments, in a sandbox, and returns its exit code. When it fails, nothing has run.
func Enter(ctx context.Context) (int, error) { return enter(ctx, toRun) }

func enter(ctx context.Context, purpose string) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	said, ready, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer func() { _ = said.Close() }()
	// The program inside is told to die with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{ready}
	cmd.Env = append(os.Environ(), insideVariable+"="+purpose)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return 0, errors.Join(fmt.Errorf("make namespaces: %w", err), ready.Close())
	}
	if err := ready.Close(); err != nil {
		return 0, err
	}
	lacks, err := io.ReadAll(said)
	if err != nil {
		return 0, err
	}
	err = cmd.Wait()
	if len(lacks) > 0 {
		return 0, errors.New(string(lacks))
	}
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) {
		return cmd.ProcessState.ExitCode(), nil
	}
	return 0, err
}

// Furnish makes the sandbox usable. The program that runs inside calls it first. Where this machine cannot, it tells the program
// outside and ends.
func Furnish(ctx context.Context) {
	ready := os.NewFile(readyDescriptor, "ready")
	unix.CloseOnExec(readyDescriptor)
	if err := furnish(ctx); err != nil {
		fmt.Fprint(ready, err)
		os.Exit(1)
	}
	if err := ready.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv(insideVariable) == toTry {
		os.Exit(0)
	}
}

func furnish(ctx context.Context) error {
	for _, mount := range [][]string{
		{"--make-rprivate", "/"},
		// What tools look up of processes is that of the new PID namespace.
		{"-t", "proc", "proc", "/proc"},
		// Here are the names of network namespaces, and the lock of iptables.
		{"-t", "tmpfs", "tmpfs", "/run"},
	} {
		if err := run(ctx, "", "mount", mount...); err != nil {
			return err
		}
	}
	node := "link set lo up\n"
	for _, a := range NodeAddresses() {
		node += fmt.Sprintf("addr add %s dev lo nodad\n", a)
	}
	if err := run(ctx, node, "ip", "-batch", "-"); err != nil {
		return err
	}
	// First the rules: with them the kernel loads what some of the parameters are of.
	if err := queuePackets(ctx); err != nil {
		return err
	}
	return setParameters()
}

func setParameters() error {
	if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
		return errors.New("this kernel has no IPv6, or it is disabled")
	}
	for setting, value := range map[string]string{
		"net/ipv4/ip_forward":             "1",
		"net/ipv4/conf/all/rp_filter":     "0",
		"net/ipv4/conf/default/rp_filter": "0",
		"net/ipv6/conf/all/forwarding":    "1",
		// The kernel soon forgets a UDP connection, so that the next one from the same port is judged anew.
		"net/netfilter/nf_conntrack_udp_timeout":        "3",
		"net/netfilter/nf_conntrack_udp_timeout_stream": "3",
	} {
		if err := os.WriteFile("/proc/sys/"+setting, []byte(value), 0o600); err != nil {
			return fmt.Errorf("set a kernel parameter of the sandbox: %w", err)
		}
	}
	return nil
}
