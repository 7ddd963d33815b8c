package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

func TestFlags(t *testing.T) {
	usual := []string{"kube-system", "kube-public", "kube-node-lease", "firebreak-system"}
	for name, c := range map[string]struct {
		args []string
		// got reads one thing from the options, which must be want.
		got  func(options) any
		want any
	}{
		"by default there is a leader":           {nil, func(o options) any { return o.leaderElect }, true},
		"leader election can be off":             {[]string{"--leader-elect=false"}, func(o options) any { return o.leaderElect }, false},
		"by default 16 workers":                  {nil, func(o options) any { return o.workers }, 16},
		"some namespaces are always protected":   {nil, func(o options) any { return o.cluster.ProtectedNamespaces }, usual},
		"more of them can be":                    {[]string{"--protected-namespaces=a, b,", "--protected-namespaces", "c"}, func(o options) any { return o.cluster.ProtectedNamespaces }, append(slices.Clone(usual), "a", "b", "c")},
		"by default DNS is detected":             {nil, func(o options) any { return o.cluster.DNSServices }, []types.NamespacedName(nil)},
		"DNS can be named, several times":        {[]string{"--dns-service=a/b", "--dns-service=c/d"}, func(o options) any { return o.cluster.DNSServices }, []types.NamespacedName{{Namespace: "a", Name: "b"}, {Namespace: "c", Name: "d"}}},
		"by default there is a node-local cache": {nil, func(o options) any { return o.cluster.NodeLocalDNS }, []netip.Addr{netip.MustParseAddr("169.254.20.10")}},
		"there may be none":                      {[]string{"--node-local-dns="}, func(o options) any { return o.cluster.NodeLocalDNS }, []netip.Addr(nil)},
		"or one of each family":                  {[]string{"--node-local-dns=169.254.20.10,fd00::10"}, func(o options) any { return o.cluster.NodeLocalDNS }, []netip.Addr{netip.MustParseAddr("169.254.20.10"), netip.MustParseAddr("fd00::10")}},
		"the cluster's own ranges are masked":    {[]string{"--cluster-cidrs=203.0.113.7/24"}, func(o options) any { return o.cluster.ClusterCIDRs }, []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}},
		"so are those of nodes":                  {[]string{"--node-cidrs=192.168.1.0/20,fd00:1::/64"}, func(o options) any { return o.cluster.NodeCIDRs }, []netip.Prefix{netip.MustParsePrefix("192.168.0.0/20"), netip.MustParsePrefix("fd00:1::/64")}},
		"by default the operator enforces":       {nil, func(o options) any { return o.cluster.PreviewOnly }, false},
		"it may only look":                       {[]string{"--mode=Preview"}, func(o options) any { return o.cluster.PreviewOnly }, true},
		"by default writes are not capped":       {nil, func(o options) any { return o.maxWritesPerSecond }, 0.0},
		"they can be":                            {[]string{"--max-writes-per-second=50"}, func(o options) any { return o.maxWritesPerSecond }, 50.0},
		"NAT64 is not the internet by default":   {nil, func(o options) any { return o.cluster.AllowNAT64 }, false},
		"NAT64 can be":                           {[]string{"--internet-nat64"}, func(o options) any { return o.cluster.AllowNAT64 }, true},
		"the lease lives where Firebreak runs":   {nil, func(o options) any { return o.leaderElectionNamespace }, "firebreak-system"},
		"by default metrics have a port":         {nil, func(o options) any { return o.metricsAddress }, ":8443"},
		"and a certificate made in memory":       {nil, func(o options) any { return o.metricsCertDir }, ""},
		"by default nobody can profile":          {nil, func(o options) any { return o.pprofAddress }, "0"},
		"the verbosity has one letter":           {[]string{"--v=2"}, func(o options) any { return o.verbosity }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parseFlags(c.args)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.got(o); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestFlagsThatAreRefused(t *testing.T) {
	for arg, message := range map[string]string{
		"--leader-election-namespace=":           "--leader-election-namespace must not be empty",
		"--workers=0":                            "--workers must be at least 1",
		"--workers=many":                         "workers",
		"--dns-service=kube-dns":                 "want namespace/name",
		"--dns-service=/kube-dns":                "want namespace/name",
		"--dns-service=kube-system/":             "want namespace/name",
		"--node-local-dns=here":                  "--node-local-dns",
		"--cluster-cidrs=10.0.0.0":               "cluster-cidrs",
		"--node-cidrs=10.0.0.0/33":               "node-cidrs",
		"--mode=preview":                         `--mode is "preview"; want Enforce or Preview`,
		"--max-writes-per-second=-1":             "--max-writes-per-second must be 0.01 or more",
		"--max-writes-per-second=1e-12":          "--max-writes-per-second must be 0.01 or more",
		"--max-writes-per-second=NaN":            "--max-writes-per-second must be 0.01 or more",
		"--cluster-cidrs=::ffff:203.0.113.0/120": "as IPv4",
		"--no-such-flag":                         "no-such-flag",
		"stray":                                  `unexpected argument "stray"`,
	} {
		if _, err := parseFlags([]string{arg}); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v, want %s", arg, err, message)
		}
	}
}

func TestLogFormats(t *testing.T) {
	for format, want := range map[string]string{"json": `"msg":"Hello"`, "text": `msg=Hello`} {
		var out bytes.Buffer
		logger, err := newLogger(format, 1, &out)
		if err != nil {
			t.Fatal(err)
		}
		logger.V(1).Info("Hello", "name", "x")
		logger.V(2).Info("Too much")
		if text := out.String(); !strings.Contains(text, want) || strings.Contains(text, "Too much") {
			t.Errorf("%s: %s", format, text)
		}
	}
	if _, err := newLogger("xml", 0, &bytes.Buffer{}); err == nil || !strings.Contains(fmt.Sprint(err), "want json or text") {
		t.Errorf("xml: %v", err)
	}
}
