// Package clusterflags has the flags by which the operator, and whoever foresees what it does, is told what cannot be seen
// in a cluster.
package clusterflags

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/internal/snapshot"
)

// Add adds the flags to a set. They change the options as they are parsed; what they hold before is the default.
func Add(flags *flag.FlagSet, o *snapshot.Options) {
	flags.Func("protected-namespaces", "`namespaces` in which nothing is ever written, separated by commas, besides kube-system, kube-public, kube-node-lease and Firebreak's own", func(text string) error {
		o.ProtectedNamespaces = append(o.ProtectedNamespaces, splitList(text)...)
		return nil
	})
	flags.Func("dns-service", "`namespace/name` of the cluster's DNS Service; may be given several times; detected when not given", func(text string) error {
		return addDNSService(o, text)
	})
	flags.Func("node-local-dns", "`addresses` of the node-local DNS cache, separated by commas; empty when there is none (default 169.254.20.10)", func(text string) error {
		return setNodeLocalDNS(o, text)
	})
	flags.Func("cluster-cidrs", "public address `ranges` that the cluster itself uses and that the internet peer leaves out, separated by commas", func(text string) error {
		return addPrefixes(&o.ClusterCIDRs, text)
	})
	flags.Func("node-cidrs", "address `ranges` in which all nodes are, separated by commas: a nodes peer without nodeSelector then stands for these instead of each node's address, and the internet peer leaves them out", func(text string) error {
		return addPrefixes(&o.NodeCIDRs, text)
	})
	flags.BoolVar(&o.AllowNAT64, "internet-nat64", o.AllowNAT64, "count 64:ff9b::/96 to the internet; it reaches private IPv4 addresses through a NAT64 translator")
}

func addDNSService(o *snapshot.Options, text string) error {
	namespace, name, ok := strings.Cut(text, "/")
	if !ok || namespace == "" || name == "" {
		return errors.New("want namespace/name")
	}
	o.DNSServices = append(o.DNSServices, types.NamespacedName{Namespace: namespace, Name: name})
	return nil
}

func setNodeLocalDNS(o *snapshot.Options, text string) error {
	o.NodeLocalDNS = nil
	for _, item := range splitList(text) {
		addr, err := netip.ParseAddr(item)
		if err != nil {
			return err
		}
		o.NodeLocalDNS = append(o.NodeLocalDNS, addr)
	}
	return nil
}

func addPrefixes(to *[]netip.Prefix, text string) error {
	for _, item := range splitList(text) {
		prefix, err := netip.ParsePrefix(item)
		if err != nil {
			return err
		}
		if prefix.Addr().Is4In6() {
			// It would match nothing: the same addresses are written as IPv4 everywhere else.
			return fmt.Errorf("write %s as IPv4", item)
		}
		*to = append(*to, prefix.Masked())
	}
	return nil
}

func splitList(text string) []string {
	var out []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}
