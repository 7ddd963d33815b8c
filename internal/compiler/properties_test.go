package compiler

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
	"firebreak.dev/firebreak/test/random"
)

// cases is the number of random clusters of each property.
const cases = 2000

// TestPoliciesOfRandomProfiles compiles random clusters, and the same ones in another order.
func TestPoliciesOfRandomProfiles(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	policies, enforced := 0, 0
	for number := range uint64(cases) {
		d := random.New(seed, number)
		c := d.Cluster()
		again := d.Shuffled(c)
		for _, ns := range c.Namespaces {
			s := c.In(ns)
			outputs, others := Compile(s), Compile(again.In(ns))
			names := map[string]bool{}
			for i, o := range outputs {
				if errs := validation.Validate(o.Profile); len(errs) > 0 {
					t.Fatalf("case %d: %s is invalid: %v", number, o.Profile.Key, errs)
				}
				if err := sound(s, o); err != nil {
					t.Fatalf("case %d: %s in %s: %v", number, o.Profile.Key, ns.Name, err)
				}
				if err := bothEnds(c, s, o); err != nil {
					t.Fatalf("case %d: %s in %s: %v", number, o.Profile.Key, ns.Name, err)
				}
				if a, b := networkpolicy.Key(o.Policies), networkpolicy.Key(others[i].Policies); a != b {
					t.Fatalf("case %d: %s in %s: another order gives other policies:\n%s\n%s", number, o.Profile.Key, ns.Name, a, b)
				}
				for _, policy := range o.Policies {
					if names[policy.Name] {
						t.Fatalf("case %d: two policies %s", number, policy.Name)
					}
					names[policy.Name] = true
					policies++
				}
				if o.Disposition == Enforce {
					enforced++
				}
			}
		}
	}
	t.Logf("%d clusters, %d profiles in force, %d policies", cases, enforced, policies)
}

// sound returns what is wrong with what a valid profile came to in a namespace.
func sound(s snapshot.Snapshot, o Output) error {
	if o.Disposition != Enforce && o.Disposition != Preview {
		if len(o.Policies) > 0 {
			return fmt.Errorf("%s with policies", o.Disposition)
		}
		return nil
	}
	if selects, err := o.Profile.Selects(s.Namespace); err != nil || !selects || s.Options.Protected(s.Namespace.Name) {
		return fmt.Errorf("policies where the profile does not act")
	}
	denies := 0
	for _, policy := range o.Policies {
		if policy.Namespace != s.Namespace.Name {
			return fmt.Errorf("%s is in namespace %s", policy.Name, policy.Namespace)
		}
		if err := structure(policy); err != nil {
			return fmt.Errorf("%s: %w", policy.Name, err)
		}
		if err := ourMetadata(o.Profile, policy); err != nil {
			return fmt.Errorf("%s: %w", policy.Name, err)
		}
		if err := isolation(o.Profile, policy); err != nil {
			return fmt.Errorf("%s: %w", policy.Name, err)
		}
		if policy.Labels[v1alpha1.LabelTier] == v1alpha1.DefaultDenyTier {
			denies++
		}
	}
	if want := map[v1alpha1.Isolation]int{v1alpha1.IsolationNamespace: 1}[o.Profile.Isolation]; denies != want {
		return fmt.Errorf("%d default-denies with isolation %s", denies, o.Profile.Isolation)
	}
	return nil
}

// ourMetadata checks that labels and annotations are the closed set of our own, and that either the owner is
// there or, if the profile retains its policies, the annotation.
func ourMetadata(p snapshot.Profile, policy networkingv1.NetworkPolicy) error {
	for key := range policy.Labels {
		if !slices.Contains([]string{v1alpha1.LabelManagedBy, v1alpha1.LabelProfileKind, v1alpha1.LabelProfile, v1alpha1.LabelTier}, key) {
			return fmt.Errorf("label %s", key)
		}
	}
	for key := range policy.Annotations {
		if !slices.Contains([]string{
			v1alpha1.AnnotationPurpose, v1alpha1.AnnotationProfileUID, v1alpha1.AnnotationProfileGeneration, v1alpha1.AnnotationSpecHash,
			v1alpha1.AnnotationRetainedFor,
		}, key) {
			return fmt.Errorf("annotation %s", key)
		}
	}
	owners := policy.OwnerReferences
	owned := len(owners) == 1 && owners[0].UID == p.UID && owners[0].Controller != nil && *owners[0].Controller
	if owned == p.Retains() || (p.Retains() && len(owners) > 0) {
		return fmt.Errorf("owners %v", owners)
	}
	if mark, want := policy.Annotations[v1alpha1.AnnotationRetainedFor], RetainedFor(p.Key); (mark == want) != p.Retains() || (mark != "" && mark != want) {
		return fmt.Errorf("retained for %q", mark)
	}
	if len(policy.Annotations[v1alpha1.AnnotationPurpose]) > maxPurpose {
		return fmt.Errorf("a purpose of %d bytes", len(policy.Annotations[v1alpha1.AnnotationPurpose]))
	}
	return nil
}

// isolation checks that a policy isolates both ways and admits nobody but who is named.
func isolation(p snapshot.Profile, policy networkingv1.NetworkPolicy) error {
	if !slices.Equal(policy.Spec.PolicyTypes, []networkingv1.PolicyType{"Ingress", "Egress"}) {
		return fmt.Errorf("policyTypes %v", policy.Spec.PolicyTypes)
	}
	name := policy.Labels[v1alpha1.LabelTier]
	tier, isTier := p.Tier(name)
	if !isTier && len(policy.Spec.Ingress)+len(policy.Spec.Egress) > 0 {
		return fmt.Errorf("a default-deny that admits something")
	}
	dns := cmp.Or(tier.DNS, p.DNS)
	anyIn, anyOut, calls := false, dns == v1alpha1.DNSAny, dns != v1alpha1.DNSNone
	for _, entry := range p.Allow {
		calls = calls || namesTier(entry.From, name)
		anyIn = anyIn || (namesTier(entry.To, name) && hasAnywhere(entry.From))
		anyOut = anyOut || (namesTier(entry.From, name) && hasAnywhere(entry.To))
	}
	if isTier && !calls && len(policy.Spec.Egress) > 0 {
		return fmt.Errorf("egress although the tier calls nobody, not even DNS")
	}
	for _, rule := range policy.Spec.Ingress {
		if len(rule.From) == 0 && !anyIn {
			return fmt.Errorf("ingress rule without peers")
		}
	}
	for _, rule := range policy.Spec.Egress {
		if len(rule.To) == 0 && !anyOut {
			return fmt.Errorf("egress rule without peers")
		}
	}
	return nil
}

func hasAnywhere(peers []v1alpha1.Peer) bool {
	return slices.ContainsFunc(peers, func(p v1alpha1.Peer) bool { return p.Anywhere != nil })
}

// bothEnds checks that every entry from one tier to another is open at each end that lives in the namespace, on the
// ports that are meant, towards exactly the namespaces that are meant.
func bothEnds(c random.Cluster, s snapshot.Snapshot, o Output) error {
	if o.Disposition != Enforce {
		return nil
	}
	for _, entry := range o.Profile.Allow {
		for _, from := range entry.From {
			for _, to := range entry.To {
				source, ok1 := o.Profile.Tier(from.Tier)
				destination, ok2 := o.Profile.Tier(to.Tier)
				if !ok1 || !ok2 {
					continue
				}
				ports := entry.Ports
				if len(ports) == 0 {
					ports = destination.Ports
				}
				if err := opened(c, s, o, source, destination, networkpolicy.Egress, ports); err != nil {
					return fmt.Errorf("%s: at the source: %w", entry.Name, err)
				}
				if err := opened(c, s, o, destination, source, networkpolicy.Ingress, ports); err != nil {
					return fmt.Errorf("%s: at the destination: %w", entry.Name, err)
				}
			}
		}
	}
	return nil
}

// opened checks that the policy of tier here opens ports towards tier there.
func opened(c random.Cluster, s snapshot.Snapshot, o Output, here, there v1alpha1.ClusterTier, direction networkpolicy.Direction, ports []v1alpha1.Port) error {
	i := slices.IndexFunc(o.Policies, func(p networkingv1.NetworkPolicy) bool { return p.Labels[v1alpha1.LabelTier] == here.Name })
	if lives, err := snapshot.TierLivesIn(here, s.Namespace); err != nil || lives != (i >= 0) {
		return fmt.Errorf("tier %s lives here: %t; it has a policy: %t", here.Name, lives, i >= 0)
	}
	if i < 0 {
		return nil
	}
	atoms := networkpolicy.Admitted(o.Policies[i].Spec)
	for _, port := range networkpolicy.Canonical(networkingv1.NetworkPolicySpec{
		Ingress: []networkingv1.NetworkPolicyIngressRule{{Ports: policyPorts(ports)}},
	}).Ingress[0].Ports {
		found := atoms[networkpolicy.Atom{Direction: direction, Peer: networkpolicy.Everyone, Port: networkpolicy.Key(port)}]
		for _, peer := range peersOf(o.Policies[i].Spec, direction) {
			opens := atoms[networkpolicy.Atom{Direction: direction, Peer: networkpolicy.Key(peer), Port: networkpolicy.Key(port)}]
			found = found || (opens && stands(c, s, o.Profile, here, there, peer))
		}
		if !found {
			return fmt.Errorf("port %s is not open towards tier %s", networkpolicy.Key(port), there.Name)
		}
	}
	return nil
}

func peersOf(spec networkingv1.NetworkPolicySpec, direction networkpolicy.Direction) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	if direction == networkpolicy.Ingress {
		for _, rule := range spec.Ingress {
			out = append(out, rule.From...)
		}
		return out
	}
	for _, rule := range spec.Egress {
		out = append(out, rule.To...)
	}
	return out
}

// stands says whether a peer of a policy stands for a tier: its pods, in exactly the namespaces where they are meant.
func stands(c random.Cluster, s snapshot.Snapshot, p snapshot.Profile, here, there v1alpha1.ClusterTier, peer networkingv1.NetworkPolicyPeer) bool {
	if peer.PodSelector == nil || networkpolicy.Key(peer.PodSelector) != networkpolicy.Key(selector.FromAPI(there.PodSelector)) {
		return false
	}
	for _, ns := range c.Namespaces {
		selects, err1 := p.Selects(ns)
		lives, err2 := snapshot.TierLivesIn(there, ns)
		want := selects && lives && !s.Options.Protected(ns.Name)
		if here.NamespaceSelector == nil && there.NamespaceSelector == nil {
			want = ns.Name == s.Namespace.Name
		}
		got, err3 := ns.Name == s.Namespace.Name, error(nil)
		if peer.NamespaceSelector != nil {
			got, err3 = selector.Matches(peer.NamespaceSelector, ns.Labels)
		}
		if err1 != nil || err2 != nil || err3 != nil || got != want {
			return false
		}
	}
	return true
}

func TestTheExampleIsTheSampleWordForWord(t *testing.T) {
	sample := strings.TrimSpace(readFile(t, "../../config/samples/three-tier.yaml"))
	input := readFile(t, "testdata/three-tier.in.yaml")
	input = strings.Replace(input, ", uid: 11111111-1111-1111-1111-111111111111, generation: 1}", "}", 1)
	if !strings.HasSuffix(strings.TrimSpace(input), "---\n"+sample) {
		t.Error("testdata/three-tier.in.yaml does not end with config/samples/three-tier.yaml")
	}
}
