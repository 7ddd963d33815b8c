package docs_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
)

// fence returns the first fenced block of a language after a heading of a document.
func fence(t *testing.T, document, heading, language string) string {
	t.Helper()
	_, section, found := strings.Cut(read(t, document), "\n"+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, block, ok := strings.Cut(section, "```"+language+"\n")
	block, _, closed := strings.Cut(block, "```")
	if !found || !ok || !closed {
		t.Fatalf("%s has no %s under %s", document, language, heading)
	}
	return block
}

func profileOf(t *testing.T, text string) *v1alpha1.SegmentationProfile {
	t.Helper()
	p := &v1alpha1.SegmentationProfile{}
	if err := yaml.UnmarshalStrict([]byte(text), p); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return p
}

// billingProfile is the one that docs/isolation.md shows.
func billingProfile(t *testing.T) *v1alpha1.SegmentationProfile {
	t.Helper()
	return profileOf(t, fence(t, "docs/isolation.md", "## Preview", "yaml"))
}

// runningPod is a pod of a Deployment of that name.
func runningPod(namespace, name, label string, port int32) snapshot.Pod {
	key, value, _ := strings.Cut(label, "=")
	pod := snapshot.Pod{
		Namespace: namespace, Labels: map[string]string{key: value}, Workload: snapshot.Workload{Kind: "Deployment", Name: name}, Count: 1,
		Addresses: []netip.Addr{netip.MustParseAddr("10.244.0.9")},
	}
	if port > 0 {
		pod.Ports = []snapshot.ContainerPort{{Protocol: corev1.ProtocolTCP, Port: port}}
	}
	return pod
}

// given is a cluster: profiles, each alone in its namespace, pods, and policies that others wrote.
type given struct {
	profiles []*v1alpha1.SegmentationProfile
	pods     []snapshot.Pod
	foreign  []*networkingv1.NetworkPolicy
}

// analyzed returns the judgement of the first profile.
func (g given) analyzed(t *testing.T) analyzer.Judgement {
	t.Helper()
	var known []snapshot.Profile
	for _, p := range g.profiles {
		known = append(known, snapshot.FromSegmentationProfile(p))
	}
	var outputs []compiler.Output
	var places []*analyzer.Place
	for i, p := range known {
		ns := snapshot.Namespace{Name: p.Key.Namespace, Labels: map[string]string{"kubernetes.io/metadata.name": p.Key.Namespace}}
		compiled := compiler.Compile(snapshot.Snapshot{
			Namespace: ns, Profiles: known[i : i+1], Options: snapshot.DefaultOptions("firebreak-system"), Facts: snapshot.Facts{RemoteProfiles: known},
		})
		policies := slices.DeleteFunc(slices.Clone(g.foreign), func(policy *networkingv1.NetworkPolicy) bool { return policy.Namespace != ns.Name })
		for j := range compiled[0].Policies {
			if compiled[0].Disposition == compiler.Enforce {
				policies = append(policies, &compiled[0].Policies[j])
			}
		}
		there := slices.DeleteFunc(slices.Clone(g.pods), func(pod snapshot.Pod) bool { return pod.Namespace != ns.Name })
		place, err := analyzer.NewPlace(ns, policies, there)
		if err != nil {
			t.Fatal(err)
		}
		outputs, places = append(outputs, compiled[0]), append(places, place)
	}
	judgements, err := analyzer.Analyze(outputs[:1], places[0], places[1:])
	if err != nil || len(judgements) != 1 {
		t.Fatalf("%d judgements, %v", len(judgements), err)
	}
	return judgements[0]
}

func TestIsolationShowsWhatIsSaidOfAForeignPolicy(t *testing.T) {
	var allowAll networkingv1.NetworkPolicy
	if err := yaml.UnmarshalStrict([]byte(fence(t, "docs/isolation.md", "## Isolated", "yaml")), &allowAll); err != nil {
		t.Fatal(err)
	}
	judgement := given{
		profiles: []*v1alpha1.SegmentationProfile{profileOf(t, read(t, "config/samples/three-tier.yaml"))},
		pods: []snapshot.Pod{
			runningPod("production", "frontend", "tier=frontend", 8080), runningPod("production", "api", "tier=api", 8080),
			runningPod("production", "database", "tier=database", 5432),
		},
		foreign: []*networkingv1.NetworkPolicy{&allowAll},
	}.analyzed(t)
	reasons := 0
	for _, f := range judgement.Findings {
		if f.Code == v1alpha1.CodeForeignPolicyWidens {
			reasons++
		}
	}
	said := fmt.Sprintf("%s (And %d more.)\n", judgement.Widened, reasons-1)
	if shown := fence(t, "docs/isolation.md", "## Isolated", "text"); shown != said {
		t.Errorf("docs/isolation.md shows\n%s\nand said is\n%s", shown, said)
	}
}

func TestIsolationShowsWhatThePreviewListsFirst(t *testing.T) {
	preview := given{
		profiles: []*v1alpha1.SegmentationProfile{billingProfile(t)},
		pods: []snapshot.Pod{
			runningPod("billing", "api", "tier=api", 8443), runningPod("billing", "database", "tier=database", 5432),
			runningPod("billing", "legacy-worker", "app=legacy-worker", 0),
		},
	}.analyzed(t).Preview
	if preview == nil {
		t.Fatal("the profile of docs/isolation.md is not a preview")
	}
	var listed strings.Builder
	for _, c := range preview.Cut.Listed {
		listed.WriteString(c.From + " -> " + c.To + " " + analyzer.Words(c.Ports) + "\n")
	}
	shown, _, abridged := strings.Cut(fence(t, "docs/isolation.md", "## Preview", "text"), "[...]\n")
	if !abridged || len(shown) == 0 || !strings.HasPrefix(listed.String(), shown) {
		t.Errorf("docs/isolation.md shows\n%s\nand the preview lists\n%s", shown, listed.String())
	}
}

func TestIsolationShowsWhatIsSaidOfAHalfOpenEntry(t *testing.T) {
	shop := profileOf(t, read(t, "config/samples/three-tier.yaml")+fence(t, "docs/isolation.md", "## HalfOpen", "yaml"))
	billing := billingProfile(t)
	billing.Spec.Mode = v1alpha1.ModeEnforce
	teams := given{
		profiles: []*v1alpha1.SegmentationProfile{shop, billing},
		pods:     []snapshot.Pod{runningPod("production", "api", "tier=api", 8080), runningPod("billing", "api", "tier=api", 8443)},
	}
	var said []string
	for _, f := range teams.analyzed(t).Findings {
		if f.Code == v1alpha1.CodeHalfOpen {
			said = append(said, f.Place+": "+f.Message+"\n")
		}
	}
	shown := fence(t, "docs/isolation.md", "## HalfOpen", "text")
	if !slices.Equal(said, []string{shown}) {
		t.Fatalf("docs/isolation.md shows\n%s\nand said is\n%s", shown, said)
	}
	// The line that it offers is what was missing.
	_, line, _ := strings.Cut(shown, "SegmentationProfile billing/billing: ")
	var entry v1alpha1.AllowEntry
	if err := yaml.UnmarshalStrict([]byte(strings.TrimSuffix(line, ".\n")), &entry); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	billing.Spec.Allow = append(billing.Spec.Allow, entry)
	for _, f := range teams.analyzed(t).Findings {
		if f.Code == v1alpha1.CodeHalfOpen {
			t.Errorf("with that line there is still: %s", f.Message)
		}
	}
}
