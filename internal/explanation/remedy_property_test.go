package explanation

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// drawer draws clusters and questions.
type drawer struct{ *rand.Rand }

func (d drawer) one(of ...string) string { return of[d.IntN(len(of))] }

func (d drawer) selector() string {
	return d.one("{matchLabels: {t: x}}", "{matchLabels: {t: z}}", "{matchLabels: {app: p}}", "{}",
		"{matchExpressions: [{key: t, operator: In, values: [x, z]}]}", "{matchExpressions: [{key: t, operator: DoesNotExist}]}")
}

func (d drawer) ports() string {
	return d.one("[{port: 80}]", "[{port: 90}]", "[{port: http}]", "[{port: 80, endPort: 90}]", "[{port: 80, protocol: UDP}]")
}

func (d drawer) numbers() string { return d.one("[{port: 80}]", "[{port: 80, endPort: 85}]") }

// entry draws an allow entry of a profile with tiers x and z.
func (d drawer) entry(name, namespace string) string {
	tier := "{tier: " + d.one("x", "z") + "}"
	other, ports := tier, d.ports()
	switch d.IntN(5) {
	case 0:
		other = "{pods: {namespaces: [" + d.one("shop", "pay") + "], podSelector: " + d.selector() + "}}"
	case 1:
		other, ports = "{ipBlocks: {cidrs: [10.0.0.0/30, 203.0.113.0/24]}}", d.numbers()
	case 2:
		other, ports = "{internet: {}}", d.numbers()
	case 3:
		other = "{remoteTier: {namespace: " + d.one("shop", "pay") + ", profile: one, tier: x}}"
	}
	from, to := tier, other
	if d.IntN(2) == 0 {
		from, to = to, from
	}
	return fmt.Sprintf("{name: %s-%s, from: [%s], to: [%s], ports: %s}", name, namespace, from, to, ports)
}

func (d drawer) settings(namespace string) string {
	var entries []string
	for i := range d.IntN(4) {
		entries = append(entries, d.entry(fmt.Sprint("e", i), namespace))
	}
	return fmt.Sprintf("isolation: %s, mode: %s, dns: None, allow: [%s]", d.one("Namespace", "Tiers"), d.one("Enforce", "Enforce", "Enforce", "Preview"), strings.Join(entries, ", "))
}

func (d drawer) policy(i int) string {
	rule := func(list string) string {
		peer := d.one("{podSelector: "+d.selector()+"}", "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: pay}}}", "{ipBlock: {cidr: 10.0.0.0/29}}")
		return fmt.Sprintf("[{%s: [%s], ports: %s}]", list, peer, d.one("[{port: 80}]", "[{port: 90}, {port: 80, protocol: UDP}]"))
	}
	return fmt.Sprintf("kind: NetworkPolicy\nmetadata: {name: foreign-%d, namespace: %s}\nspec: {podSelector: %s, policyTypes: %s, ingress: %s, egress: %s}",
		i, d.one("shop", "pay"), d.selector(), d.one("[Ingress]", "[Egress]", "[Ingress, Egress]"), rule("from"), rule("to"))
}

func (d drawer) cluster(t testing.TB) *fixture {
	tiers := func() string {
		return fmt.Sprintf("tiers: [{name: x, podSelector: %s, ports: %s}, {name: z, podSelector: %s, ports: %s}]", d.selector(), d.ports(), d.selector(), d.ports())
	}
	var documents []string
	for _, namespace := range []string{"shop", "pay"} {
		for _, name := range []string{"one", "two"}[:d.IntN(3)] {
			documents = append(documents, fmt.Sprintf("kind: SegmentationProfile\nmetadata: {name: %s, namespace: %s}\nspec: {%s, %s}", name, namespace, d.settings(namespace), tiers()))
		}
	}
	if d.IntN(3) == 0 {
		documents = append(documents, fmt.Sprintf("kind: ClusterSegmentationProfile\nmetadata: {name: all}\nspec: {namespaceSelector: {}, %s, %s}", d.settings("all"), tiers()))
	}
	for i := range d.IntN(4) {
		documents = append(documents, d.policy(i))
	}
	f := given(t, strings.Join(documents, "\n---\n")).also("shop", "pay")
	for i := range 7 {
		f.running(fmt.Sprintf("%s/%s%d app=%s %s %s %s", d.one("shop", "pay"), "w", i, d.one("p", "q"), d.one("t=x", "t=z", ""), d.one("http:80", "http:90", "80"), d.one("", "", "x2")))
	}
	return f
}

func (d drawer) question(f *fixture) (source, destination string) {
	end := func() string {
		pod := f.cluster.Pods[d.IntN(len(f.cluster.Pods))]
		return d.one(pod.Namespace+"/deploy/"+pod.Workload.Name, pod.Namespace+"/deploy/"+pod.Workload.Name, "tier:shop/one/x", "tier:pay/one/z", "tier:shop/all/x",
			"ns/pay", "internet", "203.0.113.9", "10.1.1.1")
	}
	return end(), end() + d.one(":80", ":90", ":80/udp", ":http")
}

// TestTheLinesOpenWhatWasAskedForAndNothingElse follows the lines of random answers: then all that was denied is allowed, and what is
// allowed besides is between pods of the same tiers and labels on the same ports.
func TestTheLinesOpenWhatWasAskedForAndNothingElse(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	d := drawer{rand.New(rand.NewPCG(seed, 0))}
	counts := map[RemedyKind]int{}
	kinds := []RemedyKind{RemedyAllow, RemedyTier, RemedyRule}
	unseen := func(kind RemedyKind) bool { return counts[kind] == 0 }
	// Some kinds are rare: where chance has left one out, it is given more tries.
	for try := 0; try < 300 || (try < 5000 && slices.ContainsFunc(kinds, unseen)); try++ {
		f := d.cluster(t)
		source, destination := d.question(f)
		question, err := Ask(source, destination, "shop")
		if err != nil {
			t.Fatal(err)
		}
		before := f.world()
		answer, err := Explain(before, question)
		if err != nil {
			continue // there is no such tier, or neither end is a pod
		}
		lines := remediesOf(answer)
		if len(lines) == 0 || !canFollow(f, lines) {
			continue
		}
		had := f.openings()
		for _, r := range lines {
			counts[r.Kind]++
			f.follow(r)
		}
		after, err := Explain(f.world(), question)
		if err != nil {
			t.Fatal(err)
		}
		merged := slices.ContainsFunc(answer.Notes, func(n string) bool { return strings.HasPrefix(n, "Not all of these pods") })
		for _, a := range after.Answers {
			if !merged && a.Verdict == evaluator.Denied && ported(answer, a) {
				f.fail("%s to %s is still denied on %v at\n%+v\n%+v", source, destination, a.Ports, a.Egress, a.Ingress)
			}
		}
		f.mustOpenOnly(before, answer, lines, had)
		if t.Failed() {
			t.Fatalf("asked for %s to %s\nfollowed %+v", source, destination, lines)
		}
	}
	t.Logf("followed %v", counts)
	for _, kind := range kinds {
		if unseen(kind) {
			t.Errorf("no line of kind %s was followed", kind)
		}
	}
}

func (f *fixture) fail(format string, args ...any) {
	f.t.Helper()
	for _, p := range f.cluster.Profiles {
		f.t.Logf("%s: %s", p.Key, networkpolicy.Key(p))
	}
	for _, p := range f.cluster.Policies {
		f.t.Logf("%s: %s", p.Name, networkpolicy.Key(p.Spec))
	}
	for _, p := range f.cluster.Pods {
		f.t.Logf("%+v", p)
	}
	f.t.Fatalf(format, args...)
}

func remediesOf(e Explanation) []Remedy {
	var out []Remedy
	for _, a := range e.Answers {
		for _, r := range a.Remedies {
			if !slices.ContainsFunc(out, func(s Remedy) bool { return s.Line == r.Line && s.Policy == r.Policy && samePlace(s, r) }) {
				out = append(out, r)
			}
		}
	}
	return out
}

func samePlace(a, b Remedy) bool {
	return a.Kind == b.Kind && a.Direction == b.Direction && (a.Profile == nil) == (b.Profile == nil) && (a.Profile == nil || *a.Profile == *b.Profile)
}

// canFollow says whether all is lines, and of profiles that enforce.
func canFollow(f *fixture, lines []Remedy) bool {
	return !slices.ContainsFunc(lines, func(r Remedy) bool {
		return r.Kind == RemedyAdvice || (r.Profile != nil && f.find(r.Profile.key()).Mode == v1alpha1.ModePreview)
	})
}

// ported says whether an answer is about ports that were asked for with a line.
func ported(first Explanation, a Answer) bool {
	return slices.ContainsFunc(first.Answers, func(b Answer) bool {
		return len(b.Remedies) > 0 && slices.ContainsFunc(b.Ports, func(p Port) bool { return slices.Contains(a.Ports, p) }) &&
			(b.Source == a.Source || len(first.Answers) == 1) && (b.Destination == a.Destination || len(first.Answers) == 1)
	})
}

// opening is a connection that is allowed, between pods by index or addresses.
type opening struct {
	from, to string
	protocol corev1.Protocol
	port     int32
}

// ends are all pods and some addresses, by what they are called here.
func (f *fixture) ends() map[string]evaluator.Endpoint {
	out := map[string]evaluator.Endpoint{}
	for i := range f.cluster.Pods {
		out[fmt.Sprint(i)] = evaluator.OfPod(&f.cluster.Pods[i])
	}
	for _, text := range []string{"203.0.113.9", "10.1.1.1", "8.8.8.8", "192.168.1.1", "2620:fe::fe"} {
		out[text] = evaluator.OfAddress(netip.MustParseAddr(text))
	}
	return out
}

func (f *fixture) openings() map[opening]bool {
	f.t.Helper()
	e, err := evaluator.New(f.world().World())
	if err != nil {
		f.t.Fatal(err)
	}
	out := map[opening]bool{}
	ends := f.ends()
	for from, source := range ends {
		for to, destination := range ends {
			for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP} {
				for _, port := range []int32{79, 80, 81, 90, 91} {
					c := evaluator.Connection{Source: source, Destination: destination, Protocol: protocol, Port: port}
					if e.Evaluate(c).Verdict() == evaluator.Allowed {
						out[opening{from, to, protocol, port}] = true
					}
				}
			}
		}
	}
	return out
}

// mustOpenOnly looks at all that is open after lines were followed and was not before.
func (f *fixture) mustOpenOnly(before World, e Explanation, lines []Remedy, had map[opening]bool) {
	f.t.Helper()
	ends := f.ends()
	for o := range f.openings() {
		if had[o] {
			continue
		}
		asked := slices.ContainsFunc(e.Answers, func(a Answer) bool {
			return slices.ContainsFunc(a.Ports, func(p Port) bool {
				return p.set().Contains(o.protocol, o.port) || namesIt(ends[o.to].Pod, p.Name, o)
			})
		})
		if !asked {
			f.fail("opened %+v, and nobody asked for that port", o)
		}
		for name, end := range map[string]End{o.from: e.Source, o.to: e.Destination} {
			if !f.akin(before, ends[name], end, lines) {
				f.fail("opened %+v, and %s is not akin to %s", o, name, end.Given)
			}
		}
	}
}

// namesIt says whether a pod calls the port that was opened so: a line with the name of a port means at each pod its own number.
func namesIt(pod *snapshot.Pod, name string, o opening) bool {
	return pod != nil && name != "" && slices.Contains(pod.Ports, snapshot.ContainerPort{Name: name, Protocol: o.protocol, Port: o.port})
}

// akin says whether a pod or address is one that must be meant when an end is: it is in a tier with a pod of it, has the labels that its
// pods have in common, or is selected by a policy that was given a rule.
func (f *fixture) akin(before World, got evaluator.Endpoint, asked End, lines []Remedy) bool {
	if got.Pod == nil {
		return asked.Name == got.Address.String() || (asked.Kind == KindInternet && got.Address.IsGlobalUnicast() && !got.Address.IsPrivate())
	}
	if asked.Namespace == "" || (asked.Kind == KindNamespace && asked.Namespace == got.Pod.Namespace) {
		return asked.Namespace != ""
	}
	for _, r := range lines {
		if r.Kind == RemedyRule && f.selects(r.Policy, got.Pod) {
			return true
		}
	}
	question := Question{Namespace: "shop"}
	question.Source, _, _ = parse(asked.Given)
	e, err := resolver{before, "shop"}.resolve(question.Source)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, p := range e.pods {
		if p.Namespace == got.Pod.Namespace && len(got.Pod.Labels) >= len(commonLabels([]*snapshot.Pod{p})) && has(got.Pod.Labels, p.Labels) {
			return true
		}
		if f.inOneTier(before, p, got.Pod) {
			return true
		}
	}
	return has(got.Pod.Labels, commonLabels(e.pods)) && got.Pod.Namespace == asked.Namespace
}

func has(all, some map[string]string) bool {
	for _, k := range slices.Collect(maps.Keys(some)) {
		if all[k] != some[k] {
			return false
		}
	}
	return true
}

func (f *fixture) selects(policy string, pod *snapshot.Pod) bool {
	i := slices.IndexFunc(f.cluster.Policies, func(p *networkingv1.NetworkPolicy) bool { return p.Namespace+"/"+p.Name == policy })
	p := f.cluster.Policies[i]
	compiled, err := selector.Compile(&p.Spec.PodSelector)
	return err == nil && p.Namespace == pod.Namespace && compiled.Matches(labels.Set(pod.Labels))
}

// inOneTier says whether a tier has both pods: in one namespace, or of a cluster profile.
func (f *fixture) inOneTier(world World, a, b *snapshot.Pod) bool {
	in := func(p *snapshot.Pod) map[string]bool {
		out := map[string]bool{}
		for _, m := range (*place)(world.In(p.Namespace)).memberships(p) {
			if m.output.Disposition != compiler.Remove {
				out[m.output.Profile.Key.String()+"/"+m.tier] = true
			}
		}
		return out
	}
	mine := in(a)
	for tier := range in(b) {
		if mine[tier] {
			return true
		}
	}
	return false
}
