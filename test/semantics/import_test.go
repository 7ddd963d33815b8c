package semantics_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/importer"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/random"
)

// TestImportedPoliciesMeanTheSame imports policies that anybody may have written, and asks about the connections of pods before and
// after, with another evaluation than the importer makes.
func TestImportedPoliciesMeanTheSame(t *testing.T) {
	var imported, leftOut, compared atomic.Uint64
	eachCase(t, *cases, func(number uint64) error {
		d := random.New(*seed, number)
		c := addressed(d.Foreign())
		after, err := throughProfiles(c, &imported, &leftOut)
		if err != nil {
			return err
		}
		n, err := sameConnections(c, after)
		compared.Add(n)
		if err == nil {
			return nil
		}
		small := shrunk(c, func(c random.Cluster) bool {
			after, err := throughProfiles(c, new(atomic.Uint64), new(atomic.Uint64))
			if err != nil {
				return false
			}
			_, err = sameConnections(c, after)
			return err != nil
		})
		return fmt.Errorf("%w\nA smaller cluster that fails:\n%s", err, describe(small))
	})
	t.Logf("%d policies imported, %d left out, %d pairs compared", imported.Load(), leftOut.Load(), compared.Load())
	if *onlyCase < 0 && (imported.Load() < 2*(*cases) || leftOut.Load() > imported.Load()/5) {
		t.Errorf("%d policies were imported of %d clusters, and %d left out", imported.Load(), *cases, leftOut.Load())
	}
}

// addressed gives each pod an address: of one without, it is not known whether a range has it that excepts all that it has.
func addressed(c random.Cluster) random.Cluster {
	c.Pods = slices.Clone(c.Pods)
	for i := range c.Pods {
		if len(c.Pods[i].Addresses) == 0 {
			c.Pods[i].Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 99, byte(i >> 8), byte(i)})}
		}
	}
	return c
}

// throughProfiles returns the cluster with its policies imported and compiled again.
func throughProfiles(c random.Cluster, imported, leftOut *atomic.Uint64) (random.Cluster, error) {
	after := c
	after.Policies = nil
	for _, ns := range c.Namespaces {
		in := importer.Input{Namespace: ns, Name: "imported", Facts: c.Facts, Options: c.Options}
		// Nobody protects a namespace of these.
		in.Options.ProtectedNamespaces = nil
		for _, policy := range c.Policies {
			if policy.Namespace == ns.Name {
				in.Policies = append(in.Policies, policy)
			}
		}
		result, err := importer.Import(in)
		if err != nil {
			return after, fmt.Errorf("import namespace %s: %w", ns.Name, err)
		}
		imported.Add(uint64(len(result.Replaced)))
		leftOut.Add(uint64(len(result.LeftOut)))
		for _, policy := range in.Policies {
			if !slices.Contains(result.Replaced, policy.Name) {
				after.Policies = append(after.Policies, policy)
			}
		}
		if result.Profile == nil {
			continue
		}
		for _, output := range compiler.Compile(snapshot.Snapshot{
			Namespace: ns, Profiles: []snapshot.Profile{snapshot.FromSegmentationProfile(result.Profile)}, Facts: c.Facts, Options: in.Options,
		}) {
			for i := range output.Policies {
				after.Policies = append(after.Policies, &output.Policies[i])
			}
		}
	}
	return after, nil
}

// sameConnections compares which pods may connect to which, and to and from which addresses, and says how many pairs it looked at.
func sameConnections(before, after random.Cluster) (pairs uint64, err error) {
	was, errWas := evaluator.New(evaluator.World{Namespaces: before.Namespaces, Pods: before.Pods, Policies: before.Policies})
	is, errIs := evaluator.New(evaluator.World{Namespaces: before.Namespaces, Pods: before.Pods, Policies: after.Policies})
	if err := errors.Join(errWas, errIs); err != nil {
		return 0, err
	}
	matrixBefore, matrixAfter := was.Matrix(), is.Matrix()
	classesBefore, classesAfter := classes(matrixBefore), classes(matrixAfter)
	for i := range before.Pods {
		for j := range before.Pods {
			// Completed pods connect to nobody, and are in no class.
			if i == j || before.Pods[i].Completed || before.Pods[j].Completed {
				continue
			}
			pairs++
			a := matrixBefore.Between(classesBefore[i], classesBefore[j])
			b := matrixAfter.Between(classesAfter[i], classesAfter[j])
			if !a.Allowed.Equal(b.Allowed) || !a.Undecidable.Equal(b.Undecidable) {
				return pairs, fmt.Errorf("from %v to %v: %v before, %v after", before.Pods[i], before.Pods[j], a, b)
			}
		}
	}
	for _, addr := range addressesNamed(before.Policies) {
		for i := range before.Pods {
			pairs++
			pod, address := evaluator.OfPod(&before.Pods[i]), evaluator.OfAddress(addr)
			for _, port := range []int32{53, 443, 65535} {
				for _, c := range []evaluator.Connection{
					{Source: pod, Destination: address, Protocol: corev1.ProtocolTCP, Port: port},
					{Source: address, Destination: pod, Protocol: corev1.ProtocolTCP, Port: port},
				} {
					if a, b := was.Evaluate(c).Verdict(), is.Evaluate(c).Verdict(); passes(a) != passes(b) {
						return pairs, fmt.Errorf("%v: %s before, %s after", c, a, b)
					}
				}
			}
		}
	}
	return pairs, nil
}

// passes takes not isolated and allowed for one, which they are for whoever connects.
func passes(v evaluator.Verdict) evaluator.Verdict {
	if v == evaluator.NotIsolated {
		return evaluator.Allowed
	}
	return v
}

// addressesNamed returns an address in each range that policies name, and one in none.
func addressesNamed(policies []*networkingv1.NetworkPolicy) []netip.Addr {
	out := []netip.Addr{netip.MustParseAddr("203.0.113.77"), netip.MustParseAddr("2001:db8:77::1")}
	add := func(peers []networkingv1.NetworkPolicyPeer) {
		for _, peer := range peers {
			if peer.IPBlock == nil {
				continue
			}
			for _, text := range append([]string{peer.IPBlock.CIDR}, peer.IPBlock.Except...) {
				if p, err := netip.ParsePrefix(text); err == nil {
					out = append(out, p.Addr())
				}
			}
		}
	}
	for _, policy := range policies {
		for _, rule := range policy.Spec.Ingress {
			add(rule.From)
		}
		for _, rule := range policy.Spec.Egress {
			add(rule.To)
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}
