package random

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

func TestTheSameSeedAndNumberDrawTheSame(t *testing.T) {
	for number := range uint64(50) {
		if a, b := New(7, number).Cluster(), New(7, number).Cluster(); !reflect.DeepEqual(a, b) {
			t.Fatalf("case %d: drawn twice:\n%+v\n%+v", number, a, b)
		}
		if a, b := New(7, number).Foreign(), New(7, number).Foreign(); !reflect.DeepEqual(a, b) {
			t.Fatalf("case %d: drawn twice:\n%+v\n%+v", number, a, b)
		}
	}
	if reflect.DeepEqual(New(7, 1).Cluster(), New(7, 2).Cluster()) || reflect.DeepEqual(New(7, 1).Cluster(), New(8, 1).Cluster()) {
		t.Error("another number, or another seed, draws the same")
	}
}

func TestProfilesAreValid(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for number := range uint64(500) {
		for _, p := range New(seed, number).Cluster().Profiles {
			if errs := validation.Validate(p); len(errs) > 0 {
				t.Fatalf("case %d: %s: %v", number, p.Key, errs)
			}
		}
	}
}

func TestAlteredProfilesAreValidAndLeaveTheFormerAlone(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	altered := 0
	for number := range uint64(500) {
		d := New(seed, number)
		p := d.Profile(0)
		for range 20 {
			former, next := New(seed, number).Profile(0), d.Altered(p)
			if errs := validation.Validate(next); len(errs) > 0 {
				t.Fatalf("case %d: %s: %v", number, next.Key, errs)
			}
			if again := d.Altered(former); !reflect.DeepEqual(former, New(seed, number).Profile(0)) {
				t.Fatalf("case %d: altering to\n%+v\nhas changed\n%+v", number, again, former)
			}
			if !reflect.DeepEqual(p, next) {
				altered++
			}
			p = next
		}
	}
	if altered < 500*20/2 {
		t.Errorf("only %d of %d alterations alter anything", altered, 500*20)
	}
}

func TestShufflingLeavesWhatItIsGivenAlone(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for number := range uint64(200) {
		d := New(seed, number)
		c := d.Cluster()
		c.Policies = d.Foreign().Policies
		d.Shuffled(c)
		again := New(seed, number)
		want := again.Cluster()
		want.Policies = again.Foreign().Policies
		if !reflect.DeepEqual(c, want) {
			t.Fatalf("case %d: shuffling has changed\n%+v\nto\n%+v", number, want, c)
		}
	}
}

// TestEverythingIsDrawn counts what must occur, so that a property of random clusters cannot come to prove nothing.
func TestEverythingIsDrawn(t *testing.T) {
	counts := map[string]int{}
	for number := range uint64(500) {
		d := New(1, number)
		c, foreign := d.Cluster(), d.Foreign()
		for _, p := range c.Pods {
			count(counts, map[string]bool{
				"pod on the host network": p.HostNetwork, "completed pod": p.Completed, "pod without an address": p.Addresses == nil,
				"pod of both families": len(p.Addresses) == 2, "named port": slices.ContainsFunc(p.Ports, func(p snapshot.ContainerPort) bool { return p.Name != "" }),
			})
		}
		for _, s := range c.Facts.EndpointSlices {
			for _, e := range s.Endpoints {
				count(counts, map[string]bool{"EndpointSlice with a pod's address": e.Addresses[0] == "10.0.0.2"})
			}
		}
		for _, p := range foreign.Policies {
			for _, rule := range p.Spec.Ingress {
				count(counts, map[string]bool{"nil from": rule.From == nil, "empty from": rule.From != nil && len(rule.From) == 0, "nil ports": rule.Ports == nil})
				for _, port := range rule.Ports {
					count(counts, map[string]bool{"nil protocol": port.Protocol == nil, "nil port": port.Port == nil, "endPort": port.EndPort != nil})
				}
				for _, peer := range rule.From {
					count(counts, map[string]bool{
						"both selectors": peer.PodSelector != nil && peer.NamespaceSelector != nil, "except": peer.IPBlock != nil && len(peer.IPBlock.Except) > 0,
					})
				}
			}
			count(counts, map[string]bool{"no policyTypes": p.Spec.PolicyTypes == nil, "empty ingress": p.Spec.Ingress != nil && len(p.Spec.Ingress) == 0})
		}
	}
	for what, n := range counts {
		if n == 0 {
			t.Errorf("never drawn: %s", what)
		}
	}
	t.Log(counts)
}

func count(counts map[string]int, occurs map[string]bool) {
	for what, yes := range occurs {
		n := 0
		if yes {
			n = 1
		}
		counts[what] += n
	}
}
