package cluster

import (
	"fmt"
	"math/rand/v2"

	"runtime"
	"strconv"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/test/random"
)

// TestSharedPoliciesAreWhatTheyWere shares the policies of random clusters, of Firebreak and of others, each as it comes and changed in one
// thing.
func TestSharedPoliciesAreWhatTheyWere(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var s Sharing
	policies := 0
	check := func(p *networkingv1.NetworkPolicy) {
		t.Helper()
		want := p.DeepCopy()
		want.ManagedFields = nil
		p.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "somebody"}}
		if got := s.Policy(p); !equality.Semantic.DeepEqual(got, want) {
			t.Fatalf("it was\n%+v\nand is\n%+v", want, got)
		}
		policies++
	}
	for number := range uint64(300) {
		d := random.New(seed, number)
		c := d.Cluster()
		for _, ns := range c.Namespaces {
			for _, o := range compiler.Compile(c.In(ns)) {
				for i := range o.Policies {
					p := &o.Policies[i]
					labelled, annotated, owned := p.DeepCopy(), p.DeepCopy(), p.DeepCopy()
					labelled.Labels["more"], annotated.Annotations["more"] = "x", "x"
					owned.OwnerReferences = append(owned.OwnerReferences, metav1.OwnerReference{Name: "x"})
					check(labelled)
					check(annotated)
					check(owned)
					check(p)
				}
			}
			for i := range 3 {
				check(d.Policy(ns.Name, i))
			}
		}
	}
	t.Logf("%d policies", policies)
}

// alike is a policy such as a cluster profile has it in each namespace.
func alike(namespace int) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: fmt.Sprintf("ns-%d", namespace), Name: fmt.Sprint("csegp.base.web-", "01234567"), ResourceVersion: fmt.Sprint(namespace),
			Labels:          map[string]string{fmt.Sprint("app.kubernetes.io/", "managed-by"): fmt.Sprint("fire", "break")},
			Annotations:     map[string]string{fmt.Sprint("firebreak.dev/", "purpose"): fmt.Sprint("Isolates tier ", "web.")},
			OwnerReferences: []metav1.OwnerReference{{Kind: fmt.Sprint("Cluster", "SegmentationProfile"), Name: fmt.Sprint("ba", "se")}},
		},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{fmt.Sprint("ap", "p"): fmt.Sprint("we", "b")}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		},
	}
}

func TestPoliciesOfManyNamespacesTakeLittleMoreThanOne(t *testing.T) {
	const number = 5000
	took := func(keep func(*networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy) int {
		all := make([]*networkingv1.NetworkPolicy, 0, number)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range number {
			all = append(all, keep(alike(i)))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(all)
		return int(after.HeapAlloc-before.HeapAlloc) / number
	}
	alone := took(func(p *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy { return p })
	var s Sharing
	shared := took(s.Policy)
	t.Logf("%d bytes each, and %d shared", alone, shared)
	if shared > alone/2 {
		t.Errorf("a policy takes %d bytes, and %d where it shares them", alone, shared)
	}
}

func TestPoliciesThatChangeDoNotPileUp(t *testing.T) {
	var s Sharing
	most := 0
	for i := range 3 * maxShared / 10_000 {
		p := alike(i)
		p.Annotations["purpose"] = strings.Repeat(strconv.Itoa(i%10), 10_000)
		p.Annotations["version"] = strconv.Itoa(i)
		s.Policy(p)
		held := 0
		for key := range s.known {
			held += len(key)
		}
		if held != s.size {
			t.Fatalf("%d bytes are held, and counted are %d", held, s.size)
		}
		most = max(most, held)
	}
	if most > maxShared || most < maxShared/2 {
		t.Errorf("at most %d bytes were held, where %d may be", most, maxShared)
	}
	huge := alike(0)
	huge.Annotations["purpose"] = strings.Repeat("x", 2*maxShared)
	s.Policy(huge)
	if len(s.known) != 1 {
		t.Errorf("%d are held beside one that is too large", len(s.known)-1)
	}
	if s.Policy(alike(0)); len(s.known) != 1 || s.size > maxShared {
		t.Errorf("%d are held, of %d bytes", len(s.known), s.size)
	}
}
