// Command demo shows Firebreak at work in a terminal: a real etcd and kube-apiserver on this machine, Firebreak installed
// from config/default, the operator's own binary with exactly the rights that are shipped, and kubectl.
//
// It prints each kubectl command with what it really answers, and checks what it claims: it ends with an error as soon
// as something is otherwise than it says. There are no nodes and there is no network plugin, so one sees policies written
// and kept, not packets dropped. With PACKETS there is a network with a plugin instead, in a sandbox, and one sees what it
// lets through and what it drops.
//
//	make demo            # walk through, then stop and remove everything
//	make demo KEEP=1     # leave it running until Ctrl-C, to try things out
//	make demo PACKETS=1  # see packets pass and be dropped; Linux, root, and not together with KEEP
package main
