package semantics_test

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/intent"
	"firebreak.dev/firebreak/test/random"
)

// TestPoliciesMeanWhatProfilesSay compiles random clusters and holds every connection between two of their pods, on every port,
// and some between pods and addresses, against the reading.
func TestPoliciesMeanWhatProfilesSay(t *testing.T) {
	var all tally
	eachCase(t, *cases, func(number uint64) error {
		c := random.New(*seed, number).Cluster()
		seen, err := agree(c, number)
		all.add(seen)
		if err == nil {
			return nil
		}
		small := shrunk(c, func(c random.Cluster) bool { _, err := agree(c, number); return err != nil })
		_, err = agree(small, number)
		return fmt.Errorf("%w\nA smaller cluster that fails:\n%s", err, describe(small))
	})
	all.mustProveMuch(t, *cases)
	if c := all.counts; *onlyCase < 0 && min(c.addresses, c.shut) < int(*cases)/10 {
		t.Error("this proves little of addresses")
	}
}

// counts are what was compared. Pairs of pods are allowed on some port, or unknown on some, or denied on all; addresses are the
// connections from or to an address that were allowed, and shut those that were denied.
type counts struct{ open, allowed, unknown, denied, addresses, shut int }

// tally adds counts up. It is safe for use side by side.
type tally struct {
	mu     sync.Mutex
	counts counts
}

func (t *tally) add(c counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.open += c.open
	t.counts.allowed += c.allowed
	t.counts.unknown += c.unknown
	t.counts.denied += c.denied
	t.counts.addresses += c.addresses
	t.counts.shut += c.shut
}

// mustProveMuch fails a test that has compared too little of some sort among so many clusters: fewer than one in twenty, where
// a random cluster has one in three of the rarest.
func (t *tally) mustProveMuch(test *testing.T, clusters uint64) {
	c := t.counts
	test.Logf("%d clusters: %+v", clusters, c)
	if *onlyCase < 0 && min(c.allowed, c.unknown, c.denied) < int(clusters)/20 {
		test.Errorf("this proves little: %+v", c)
	}
}

// compiled returns all policies that the enforced profiles of a cluster come to.
func compiled(c random.Cluster) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, ns := range c.Namespaces {
		for _, o := range compiler.Compile(c.In(ns)) {
			if o.Disposition == compiler.Enforce {
				for i := range o.Policies {
					out = append(out, &o.Policies[i])
				}
			}
		}
	}
	return out
}

// agree returns what was compared, and where the compiled policies of a cluster mean something else than its profiles say.
func agree(c random.Cluster, number uint64) (counts, error) {
	var seen counts
	e, err := evaluator.New(evaluator.World{Namespaces: c.Namespaces, Pods: c.Pods, Policies: compiled(c)})
	if err != nil {
		return seen, err
	}
	profiles := intent.Read(c)
	matrix := e.Matrix()
	classOf := classes(matrix)
	for i := range c.Pods {
		for j := range c.Pods {
			source, destination := &c.Pods[i], &c.Pods[j]
			if i == j || source.Completed || destination.Completed {
				continue // The matrix says nothing of these; Evaluate is asked below.
			}
			want := profiles.Between(evaluator.OfPod(source), evaluator.OfPod(destination))
			got := matrix.Between(classOf[i], classOf[j])
			if !got.Allowed.Equal(want.Allowed) || !got.Undecidable.Equal(want.Undecidable) {
				return seen, fmt.Errorf("from %s to %s the profiles allow %s (%s if the plugin does), the policies %s (%s)",
					source.Name, destination.Name, want.Allowed, want.Undecidable, got.Allowed, got.Undecidable)
			}
			seen.count(want)
		}
	}
	return seen, evaluated(e, profiles, random.New(*seed, number), &seen)
}

func (c *counts) count(pair intent.Said) {
	switch {
	case pair.Allowed.IsAll():
		c.open++
	case !pair.Allowed.IsEmpty():
		c.allowed++
	case !pair.Undecidable.IsEmpty():
		c.unknown++
	default:
		c.denied++
	}
}

// classes returns the class of each pod by its index.
func classes(m *evaluator.Matrix) map[int]int {
	out := map[int]int{}
	for i, class := range m.Classes() {
		for _, member := range class.Members {
			out[member] = i
		}
	}
	return out
}

// evaluated asks about single connections: of each pod with itself, another pod, and an address, on some ports at which the
// answer may change.
func evaluated(e *evaluator.Evaluator, profiles *intent.Reading, d random.Drawer, seen *counts) error {
	for i := range profiles.Pods {
		pod := evaluator.OfPod(&profiles.Pods[i])
		other := evaluator.OfPod(&profiles.Pods[d.IntN(len(profiles.Pods))])
		outside := evaluator.OfAddress(random.OneOf(d, interesting(profiles.Cluster)...))
		for _, ends := range [][2]evaluator.Endpoint{{pod, pod}, {pod, other}, {outside, pod}, {pod, outside}} {
			want := profiles.Between(ends[0], ends[1])
			connection := evaluator.Connection{Source: ends[0], Destination: ends[1]}
			for _, at := range bounds(d, want) {
				connection.Protocol, connection.Port = at.Protocol, at.First
				verdict := want.Verdict(at.Protocol, at.First)
				if got := e.Evaluate(connection).Verdict(); got != verdict {
					return fmt.Errorf("from %s to %s on %s: the profiles say %s, the policies %s", name(ends[0]), name(ends[1]), at, verdict, got)
				}
				switch {
				case ends[0].Pod != nil && ends[1].Pod != nil || want.Allowed.IsAll():
				case verdict == evaluator.Allowed:
					seen.addresses++
				default:
					seen.shut++
				}
			}
		}
	}
	return nil
}

func name(e evaluator.Endpoint) string {
	if e.Pod != nil {
		return e.Pod.Name
	}
	return e.Address.String()
}

// bounds returns, as ranges of one port each, a port that any cluster has to do with, and some at which what is intent.Said changes,
// with their neighbours.
func bounds(d random.Drawer, s intent.Said) []portset.Range {
	out := []portset.Range{{Protocol: random.OneOf(d, portset.Protocols()...), First: random.OneOf[int32](d, 1, 53, 80, 443, 8080, 65535)}}
	ranges := append(s.Allowed.Ranges(), s.Undecidable.Ranges()...)
	for range min(2, len(ranges)) {
		r := random.OneOf(d, ranges...)
		for _, port := range []int32{r.First - 1, r.First, r.Last, r.Last + 1} {
			if port >= portset.First && port <= portset.Last {
				out = append(out, portset.Range{Protocol: r.Protocol, First: port})
			}
		}
	}
	for i := range out {
		out[i].Last = out[i].First
	}
	return out
}

// interesting returns addresses that are no pod's: some that the cluster knows, and some that it does not.
func interesting(c random.Cluster) []netip.Addr {
	var out []netip.Addr
	for _, text := range []string{
		"8.8.8.8", "128.0.0.1", "192.0.2.0", "192.0.2.7", "192.0.2.77", "192.0.2.255", "203.0.113.10", "203.0.113.70", "198.51.100.3",
		"10.0.0.0", "10.9.9.9", "100.64.0.1", "169.254.20.10", "169.254.169.254", "224.0.0.1", "255.255.255.255", "192.168.0.1", "192.168.0.200",
		"10.96.0.1", "10.96.0.10", "10.96.1.1", "fd00::1", "fd00::7", "fd00::a", "2001:db8::1", "2001:db8:1::1", "2606:4700::1", "2a00::1",
		"64:ff9b::a00:1", "fe80::1",
	} {
		out = append(out, netip.MustParseAddr(text))
	}
	return slices.DeleteFunc(out, func(a netip.Addr) bool {
		return slices.ContainsFunc(c.Pods, func(p snapshot.Pod) bool { return slices.Contains(p.Addresses, a) })
	})
}
