package cluster

import (
	"fmt"
	"math/rand/v2"

	"reflect"
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

func TestPoliciesThatSayTheSameAreInMemoryOnce(t *testing.T) {
	var s Sharing
	one, other := s.Policy(alike(1)), s.Policy(alike(2))
	for name, parts := range map[string][2]any{
		"labels":      {one.Labels, other.Labels},
		"annotations": {one.Annotations, other.Annotations},
		"owners":      {one.OwnerReferences, other.OwnerReferences},
		"podSelector": {one.Spec.PodSelector.MatchLabels, other.Spec.PodSelector.MatchLabels},
		"policyTypes": {one.Spec.PolicyTypes, other.Spec.PolicyTypes},
	} {
		if reflect.ValueOf(parts[0]).Pointer() != reflect.ValueOf(parts[1]).Pointer() {
			t.Errorf("each has %s of its own", name)
		}
	}
	if one.Namespace != "ns-1" || other.Namespace != "ns-2" || other.ResourceVersion != "2" {
		t.Errorf("they are %s and %s", one.Namespace, other.Namespace)
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
