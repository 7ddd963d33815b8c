package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// queue is the number of the netfilter queue from which the enforcer takes packets.
const queue = "100"

// queuePackets sends the first packet of each connection to or from a pod to the enforcer's queue. Without anybody who takes it
// from there, it is dropped.
//
// The enforcer has a table of its own for that, which needs a kernel with CONFIG_NFT_QUEUE. Where that is there, these rules
// would only ask twice.
func queuePackets(ctx context.Context) error {
	const attempt = "add table ip attempt; add chain ip attempt c; add rule ip attempt c queue num " + queue
	native := run(ctx, attempt, "nft", "-f", "-") == nil
	if native {
		return run(ctx, "", "nft", "delete", "table", "ip", "attempt")
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

// Judged is how many packets the kernel has handed to the enforcer so far, and how many of those it had to drop because the
// enforcer did not take them.
type Judged struct{ Packets, Lost uint64 }

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
		var numbers [3]uint64
		for i, field := range fields[5:8] {
			n, convErr := strconv.ParseUint(field, 10, 64)
			err = errors.Join(err, convErr)
			numbers[i] = n
		}
		return Judged{Packets: numbers[2], Lost: numbers[0] + numbers[1]}, err
	}
	return Judged{}, fmt.Errorf("nobody takes packets from queue %s", queue)
}
