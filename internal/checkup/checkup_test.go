package checkup

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// shop is a profile whose tier web may connect to a peer.
func shop(peer v1alpha1.Peer) snapshot.Profile {
	tier := v1alpha1.Tier{Name: "web", PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": "web"}}}
	port := v1alpha1.Port{Port: intstr.FromInt32(443), Protocol: corev1.ProtocolTCP}
	if peer.KubeAPIServer != nil {
		port = v1alpha1.Port{}
	}
	entry := v1alpha1.AllowEntry{Name: "first", From: []v1alpha1.Peer{{Tier: "web"}}, To: []v1alpha1.Peer{peer}}
	if port.Protocol != "" {
		entry.Ports = []v1alpha1.Port{port}
	}
	return snapshot.FromSegmentationProfile(&v1alpha1.SegmentationProfile{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop"},
		Spec: v1alpha1.SegmentationProfileSpec{
			ProfileSettings: v1alpha1.ProfileSettings{Allow: []v1alpha1.AllowEntry{entry}}, Tiers: []v1alpha1.Tier{tier},
		},
	})
}

// at is a position at which every field stands on line 7.
func at(file string) Position { return Position{file, func(string) int { return 7 }} }

// examined examines a profile that is accepted, in a cluster of which the files hold this.
func examined(t *testing.T, p snapshot.Profile, facts snapshot.Facts, held ...Held) *Report {
	t.Helper()
	in := Input{
		Files:    []string{"shop.yaml"},
		Subjects: []Subject{{Key: p.Key, Position: at("shop.yaml"), Profile: &p}},
		Cluster: &snapshot.Cluster{
			Namespaces: []snapshot.Namespace{{Name: "shop", Labels: map[string]string{corev1.LabelMetadataName: "shop"}}},
			Profiles:   []snapshot.Profile{p}, Facts: facts, Options: snapshot.DefaultOptions("firebreak-system"),
		},
		Held: map[Held]bool{},
	}
	for _, h := range held {
		if h.Kind == "Pod" {
			in.Cluster.Pods = append(in.Cluster.Pods, snapshot.Pod{Namespace: h.Namespace, Labels: map[string]string{"app": "other"}})
		}
		in.Held[h] = true
	}
	if slices.Contains(held, Held{"everything", ""}) {
		in.Held = nil
	}
	report, err := Examine(in)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// codes returns the codes of results, and what was not checked in their place.
func codes(r *Report) []string {
	var out []string
	for _, result := range r.Results {
		if what, ok := result.Unchecked(); ok {
			out = append(out, "? "+what)
			continue
		}
		out = append(out, string(result.Code))
	}
	slices.Sort(out)
	return out
}

func dns() corev1.Service {
	return corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-dns"}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"k8s-app": "kube-dns"}, ClusterIP: "10.96.0.10", Ports: []corev1.ServicePort{{Port: 53, Protocol: corev1.ProtocolUDP}},
	}}
}

func TestWhatFilesCannotTellIsNotHeldAgainstAProfile(t *testing.T) {
	const noPods, selectsNothing, unresolved = "? whether tiers select pods", "TierSelectsNothing", "UnresolvedPeer"
	service := v1alpha1.Peer{Service: &v1alpha1.ServicePeer{Name: "db", Namespace: "data"}}
	withoutSelector := corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "data", Name: "db"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 443, Protocol: corev1.ProtocolTCP}}}}
	remote := v1alpha1.Peer{RemoteTier: &v1alpha1.RemoteTierPeer{Namespace: "data", Profile: "data", Tier: "db"}}
	for name, c := range map[string]struct {
		peer     v1alpha1.Peer
		services []corev1.Service
		held     []Held
		want     []string
	}{
		"pods, without workloads":                   {peer: v1alpha1.Peer{Tier: "web"}, want: []string{noPods}},
		"pods, with workloads of another namespace": {peer: v1alpha1.Peer{Tier: "web"}, held: []Held{{"Pod", "data"}}, want: []string{noPods}},
		"pods, with workloads of the namespace":     {peer: v1alpha1.Peer{Tier: "web"}, held: []Held{{"Pod", "shop"}}, want: []string{selectsNothing}},
		"pods, in a cluster":                        {peer: v1alpha1.Peer{Tier: "web"}, held: []Held{{"everything", ""}}, want: []string{selectsNothing}},
		"a Service, without any":                    {peer: service, want: []string{"? whether there is a Service data/db", noPods}},
		"a Service, with one of another namespace":  {peer: service, held: []Held{{"Service", "shop"}}, want: []string{"? whether there is a Service data/db", noPods}},
		"a Service, with another of its namespace":  {peer: service, held: []Held{{"Service", "data"}}, want: []string{noPods, unresolved}},
		"a Service, in a cluster":                   {peer: service, held: []Held{{"everything", ""}}, want: []string{selectsNothing, unresolved}},
		"a Service without selector, alone":         {peer: service, services: []corev1.Service{withoutSelector}, held: []Held{{"Service", "data"}}, want: []string{"? what addresses Service data/db has", noPods, "ServiceWithoutSelector"}},
		"a Service without selector, with slices":   {peer: service, services: []corev1.Service{withoutSelector}, held: []Held{{"Service", "data"}, {"EndpointSlice", "data"}}, want: []string{noPods, "ServiceWithoutSelector", unresolved}},
		"a remote tier, without profiles":           {peer: remote, want: []string{"? whether SegmentationProfile data/data has a tier db", noPods}},
		"a remote tier, with another profile there": {peer: remote, held: []Held{{"SegmentationProfile", "data"}}, want: []string{noPods, unresolved}},
		"nodes, without any":                        {peer: v1alpha1.Peer{Nodes: &v1alpha1.NodesPeer{}}, want: []string{"? which nodes there are", noPods}},
		"nodes, with some that have no address":     {peer: v1alpha1.Peer{Nodes: &v1alpha1.NodesPeer{}}, held: []Held{{"Node", ""}}, want: []string{noPods, unresolved}},
		"the API server":                            {peer: v1alpha1.Peer{KubeAPIServer: &v1alpha1.KubeAPIServerPeer{}}, want: []string{"? where the API server is", noPods}},
		"the API server, with other Services there": {peer: v1alpha1.Peer{KubeAPIServer: &v1alpha1.KubeAPIServerPeer{}}, held: []Held{{"Service", "default"}}, want: []string{"? where the API server is", noPods}},
		"addresses, which need nothing":             {peer: v1alpha1.Peer{IPBlocks: &v1alpha1.IPBlocksPeer{CIDRs: []string{"0.0.0.0/0"}}}, want: []string{noPods, "BroadCIDR"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := codes(examined(t, shop(c.peer), snapshot.Facts{Services: append(c.services, dns())}, c.held...))
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatWasNotCheckedNeverFails(t *testing.T) {
	report := examined(t, shop(v1alpha1.Peer{Tier: "web"}), snapshot.Facts{Services: []corev1.Service{dns()}})
	if len(report.Results) != 1 || report.Fails(v1alpha1.SeverityInfo) || report.Summary != (Summary{NotChecked: 1}) {
		t.Errorf("%+v", report)
	}
}

func TestResultsFailFromTheirSeverityOn(t *testing.T) {
	all := []v1alpha1.Severity{v1alpha1.SeverityError, v1alpha1.SeverityWarning, v1alpha1.SeverityInfo}
	for i, severity := range all {
		for j, least := range all {
			if got := (Result{Severity: severity}).Fails(least); got != (i <= j) {
				t.Errorf("%s fails from %s on: %t", severity, least, got)
			}
		}
	}
}

func TestTheOperatorRepeatsNothingThatTheAPIServerSaid(t *testing.T) {
	p := shop(v1alpha1.Peer{Tier: "gone"})
	p.Tiers[0].Name = "Web"
	gone := field.Invalid(field.NewPath("spec", "allow"), nil, `allow entry "first": to names tier "gone", which this profile does not have`)
	notAll := field.Invalid(nil, nil, "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation")
	pattern := field.Invalid(field.NewPath("spec", "tiers").Index(0).Child("name"), "Web", "should match")
	for name, c := range map[string]struct {
		said field.ErrorList
		want []string
	}{
		"all rules were checked":   {field.ErrorList{pattern, gone}, []string{"spec.tiers[0].name", "spec.allow[0].to[0].tier"}},
		"rules were left out":      {field.ErrorList{pattern, notAll}, []string{"spec.tiers[0].name", "spec.allow[0].from[0].tier", "spec.allow[0].to[0].tier"}},
		"it said nothing":          {nil, []string{"spec.tiers[0].name", "spec.allow[0].from[0].tier", "spec.allow[0].to[0].tier"}},
		"it spoke of a list above": {field.ErrorList{field.Required(field.NewPath("spec", "allow"), ""), notAll}, []string{"spec.allow", "spec.tiers[0].name"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := Subject{Profile: &p, Invalid: c.said}
			var got []string
			for _, r := range s.refusals() {
				got = append(got, r.Field)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestOfTwoProfilesOfOneNameTheLastIsJudged(t *testing.T) {
	first, last := shop(v1alpha1.Peer{Tier: "web"}), shop(v1alpha1.Peer{Anywhere: &v1alpha1.AnywherePeer{}})
	report, err := Examine(Input{
		Files:    []string{"a.yaml", "b.yaml"},
		Subjects: []Subject{{Key: first.Key, Position: at("a.yaml"), Profile: &first}, {Key: last.Key, Position: at("b.yaml"), Profile: &last}},
		Cluster: &snapshot.Cluster{
			Namespaces: []snapshot.Namespace{{Name: "shop"}}, Profiles: []snapshot.Profile{last}, Facts: snapshot.Facts{Services: []corev1.Service{dns()}},
		},
		Held: map[Held]bool{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := codes(report), []string{"? whether tiers select pods", "AnywherePeer", "GivenTwice"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, r := range report.Results {
		if r.File != "b.yaml" || r.Code == CodeGivenTwice && !strings.Contains(r.Message, "a.yaml:7") {
			t.Errorf("%+v", r)
		}
	}
}

func TestPlacesOfFindingsAreFieldsOfTheProfile(t *testing.T) {
	p := shop(v1alpha1.Peer{Tier: "web"})
	for place, want := range map[string]string{
		"allow[first].to[0]": "spec.allow[0].to[0]", "allow entry first": "spec.allow[0]", "tier web": "spec.tiers[0]",
		"tiers web, db": "spec.tiers[0]", "tier gone": "spec.tiers", "isolation": "spec.isolation", "dns": "spec.dns",
		"NetworkPolicy x": "", "": "", "SegmentationProfile shop/other": "",
	} {
		if got := pathOf(&p, place); got != want {
			t.Errorf("%q is %q, want %q", place, got, want)
		}
	}
}
