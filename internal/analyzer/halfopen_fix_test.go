package analyzer

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

// follow does what the first finding about a half-open flow says: it adds the line to the policy or profile that it names.
func (f *fixture) follow(message string) {
	f.t.Helper()
	_, advice, found := strings.Cut(message, "; add to ")
	target, line, split := strings.Cut(advice, ": ")
	if !found || !split {
		f.t.Fatalf("%s\nadvises nothing", message)
	}
	line = line[:strings.LastIndex(line, ".")]
	if name, ok := strings.CutPrefix(target, "allow of "); ok {
		i := slices.IndexFunc(f.profiles, func(p snapshot.Profile) bool { return p.Key.String() == name })
		var entry v1alpha1.AllowEntry
		f.read(line, &entry)
		for j := range entry.Ports {
			// As the schema does.
			entry.Ports[j].Protocol = cmp.Or(entry.Ports[j].Protocol, corev1.ProtocolTCP)
		}
		p := &f.profiles[i]
		p.Allow = append(p.Allow, entry)
		if errs := validation.Validate(*p); len(errs) > 0 {
			f.t.Fatalf("%s\nis refused: %v", line, errs)
		}
		return
	}
	direction, name, _ := strings.Cut(target, " of NetworkPolicy ")
	i := slices.IndexFunc(f.policies, func(p *networkingv1.NetworkPolicy) bool { return p.Namespace+"/"+p.Name == name })
	spec := &f.policies[i].Spec
	if direction == "ingress" {
		spec.Ingress = append(spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
		f.read(line, &spec.Ingress[len(spec.Ingress)-1])
		return
	}
	spec.Egress = append(spec.Egress, networkingv1.NetworkPolicyEgressRule{})
	f.read(line, &spec.Egress[len(spec.Egress)-1])
}

func TestWhatAHalfOpenFlowLacksIsALineThatOpensIt(t *testing.T) {
	const (
		ours = `{name: "1", podSelector: {matchLabels: {"on": "true", app.kubernetes.io/name: "1e3"}, matchExpressions: [{key: "y", operator: NotIn, values: ["no", ""]}, {key: "null", operator: DoesNotExist}]}, ports: [{port: web}, {port: 53, protocol: UDP}, {port: 8000, endPort: 8010, protocol: SCTP}]}`
		us   = `running app.kubernetes.io/name=1e3 on=true web:8080`
	)
	team := func(tiers, allow string) string {
		return "kind: SegmentationProfile\nmetadata: {name: \"1.5\", namespace: \"123\"}\nspec: {mode: MODE, dns: None, tiers: [" + tiers + "], allow: [" + allow + "]}\n"
	}
	platform := func(tiers, allow string) string {
		return "kind: ClusterSegmentationProfile\nmetadata: {name: \"1.5\"}\nspec: {mode: MODE, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: \"123\"}}, dns: None, tiers: [" + tiers + "], allow: [" + allow + "]}\n"
	}
	const theirs = `{name: "2", podSelector: {matchLabels: {app: "off"}}, ports: [{port: 8443}, {port: api}]}`
	others := map[string]string{
		"profile":         "---\nkind: SegmentationProfile\nmetadata: {name: \"1e3\", namespace: \"0x1\"}\nspec: {dns: None, tiers: [" + theirs + "]}\n",
		"cluster profile": "---\nkind: ClusterSegmentationProfile\nmetadata: {name: \"2\"}\nspec: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: \"0x1\"}}, dns: None, tiers: [" + theirs + "]}\n",
		"policy":          "---\nkind: NetworkPolicy\nmetadata: {name: \"1\", namespace: \"0x1\"}\nspec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n",
	}
	const them, both = `{pods: {namespaces: ["0x1"], podSelector: {matchLabels: {app: "off"}}}}`, ", ports: [{port: 8443}, {port: 53, protocol: UDP}]"
	for kind, profile := range map[string]func(tiers, allow string) string{"profile": team, "cluster profile": platform} {
		for other, documents := range others {
			for direction, allow := range map[string]string{
				"out": "{name: out, from: [{tier: \"1\"}], to: [" + them + "]" + both + "}",
				"in":  "{name: in, from: [" + them + "], to: [{tier: \"1\"}]}",
			} {
				for _, mode := range []string{"Enforce", "Preview"} {
					t.Run(mode+" "+kind+" "+direction+" to "+other, func(t *testing.T) {
						f := given(t, strings.Replace(profile(ours, allow), "MODE", mode, 1)+documents).running("123/"+us, "0x1/gw app=off api:8444")
						f.mustCloseByFollowing()
					})
				}
			}
		}
		for direction, allow := range map[string]string{
			"out": `{name: out, from: [{tier: "1"}], to: [{pods: {podSelector: {matchLabels: {app: "off"}}}}]` + both + "}",
			"in":  `{name: in, from: [{pods: {podSelector: {matchLabels: {app: "off"}}}}], to: [{tier: "1"}]}`,
		} {
			for _, mode := range []string{"Enforce", "Preview"} {
				t.Run(mode+" "+kind+" "+direction+" to itself", func(t *testing.T) {
					f := given(t, strings.Replace(profile(ours+", "+theirs, allow), "MODE", mode, 1)).running("123/"+us, "123/gw app=off api:8444")
					f.mustCloseByFollowing()
				})
			}
		}
	}
}

// mustCloseByFollowing follows the one finding about a half-open flow of the profile in namespace 123, and wants none after it.
func (f *fixture) mustCloseByFollowing() {
	f.t.Helper()
	const namespace, profile = "123", "1.5"
	messages := said(f.judged(namespace, profile), v1alpha1.CodeHalfOpen)
	if len(messages) != 1 {
		f.t.Fatalf("half open: %q", messages)
	}
	f.follow(messages[0])
	mustEqual(f.t, said(f.judged(namespace, profile), v1alpha1.CodeHalfOpen))
}
