package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// queue is the number of the netfilter queue from which the enforcer takes packets.
const queue = "100"

// queuePackets sends the first packet of each connection to or from a pod to the enforcer's queue. Without anybody who takes it
// from there, it is dropped.
func queuePackets(ctx context.Context) error {
	if err := ownEnforcersTable(ctx); err != nil {
		return err
	}
	for _, program := range []string{"iptables", "ip6tables"} {
		for _, chain := range []string{"FORWARD", "INPUT ! -i lo"} {
			rule := "-w -t mangle -A " + chain + " -m conntrack --ctstate NEW -j NFQUEUE --queue-num " + queue
			if program == "ip6tables" {
				// Neighbours are found by ICMPv6.
				rule = strings.Replace(rule, "-m conntrack", "! -p ipv6-icmp -m conntrack", 1)
			}
			if err := run(ctx, "", program, strings.Fields(rule)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// enforcersTable is what the enforcer calls the table by which it would send packets to its queue itself.
const enforcersTable = "inet kube-network-policies"

// ownEnforcersTable keeps the enforcer from writing that table, for as long as this program lives.
//
// It replaces the table after every change of a policy, and each second where the kernel cannot do what is in it
// (CONFIG_NFT_QUEUE). Whenever a hook of netfilter goes, the kernel drops all packets that wait in a queue, and counts them
// nowhere: connections would be lost by the enforcer that no policy denies. So the table belongs to another process, and the
// enforcer cannot touch it.
func ownEnforcersTable(ctx context.Context) error {
	owner := exec.CommandContext(context.WithoutCancel(ctx), "nft", "-i")
	var said bytes.Buffer
	owner.Stdout, owner.Stderr = &said, &said
	commands, err := owner.StdinPipe()
	if err != nil {
		return err
	}
	if err := owner.Start(); err != nil {
		return err
	}
	// It ends with its input, which stays open as long as somebody waits for it.
	ended := make(chan struct{})
	go func() {
		_ = owner.Wait()
		close(ended)
	}()
	if _, err := fmt.Fprintf(commands, "add table %s { flags owner; }\n", enforcersTable); err != nil {
		return err
	}
	var listed error
	err = wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, 10*time.Second, true, func(context.Context) (bool, error) {
		listed = run(ctx, "list table "+enforcersTable, "nft", "-f", "-")
		return listed == nil, nil
	})
	if err == nil {
		return nil
	}
	err = errors.Join(err, listed, commands.Close())
	<-ended
	return fmt.Errorf("keep the nftables table %s from the enforcer, which takes Linux 5.12 and nftables 0.9.9 or later: %w: %s",
		enforcersTable, err, strings.TrimSpace(said.String()))
}

// Judged is how many packets the kernel has handed to the enforcer so far, how many of those still wait for its verdict, and how many
// it had to drop because the enforcer did not take them.
type Judged struct{ Packets, Waiting, Lost uint64 }

// judged reads the state of the queue; an error when nobody takes packets from it.
func judged() (Judged, error) {
	const file = "/proc/thread-self/net/netfilter/nfnetlink_queue"
	content, err := os.ReadFile(file)
	if err != nil {
		return Judged{}, err
	}
	for line := range strings.Lines(string(content)) {
		// Of nfqnl_seq_show in the kernel: number, port ID, waiting, copy mode, copy range, dropped because the queue was full,
		// dropped because the program did not read, last packet's number, 1.
		fields := strings.Fields(line)
		if len(fields) < 8 || fields[0] != queue {
			continue
		}
		var numbers [6]uint64
		for i, field := range fields[2:8] {
			n, convErr := strconv.ParseUint(field, 10, 64)
			err = errors.Join(err, convErr)
			numbers[i] = n
		}
		return Judged{Packets: numbers[5], Waiting: numbers[0], Lost: numbers[3] + numbers[4]}, err
	}
	return Judged{}, fmt.Errorf("nobody takes packets from queue %s", queue)
}
