package starter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/flowlog"
	"firebreak.dev/firebreak/internal/snapshot"
)

// pods returns a workload's only pod in a namespace, with labels such as "app=web".
func pods(namespace, workload string, labels ...string) snapshot.Pod {
	kind, name, _ := strings.Cut(workload, " ")
	pod := snapshot.Pod{Namespace: namespace, Name: name + "-0", Workload: snapshot.Workload{Kind: kind, Name: name}, Labels: map[string]string{}, Count: 1}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		pod.Labels[key] = value
	}
	return pod
}

// shop is a cluster with the usual DNS and these pods.
func shop(all ...snapshot.Pod) *snapshot.Cluster {
	dns := service("kube-system", "kube-dns", "10.96.0.10", map[string]string{"k8s-app": "kube-dns"}, 53, intstr.FromInt32(5353), corev1.ProtocolUDP)
	return &snapshot.Cluster{Pods: all, Options: snapshot.DefaultOptions("firebreak-system"), Facts: snapshot.Facts{Services: []corev1.Service{dns}}}
}

// propose proposes a profile for namespace shop; nil flows are none that were looked for.
func propose(t *testing.T, c *snapshot.Cluster, flows []flowlog.Flow) *Proposal {
	t.Helper()
	in := Input{Namespace: "shop", Name: "shop", Cluster: c}
	if flows != nil {
		in.Observed = &flowlog.Log{Flows: flows}
	}
	p, err := Propose(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// flow returns a connection to a TCP port that passed once. Ends are "namespace/pod", "pod" or an address.
func flow(from, to string, port int32) flowlog.Flow {
	f := flowlog.Flow{Port: port, Protocol: corev1.ProtocolTCP, Outcome: flowlog.Passed, Times: 1}
	for text, end := range map[string]*flowlog.End{from: &f.Source, to: &f.Destination} {
		if addr, err := netip.ParseAddr(text); err == nil {
			end.Address = addr
			continue
		}
		if namespace, pod, both := strings.Cut(text, "/"); both {
			end.Namespace, end.Pod = namespace, pod
			continue
		}
		end.Pod = text
	}
	return f
}

func with(f flowlog.Flow, change func(*flowlog.Flow)) flowlog.Flow {
	change(&f)
	return f
}

func denied(f *flowlog.Flow)  { f.Outcome = flowlog.Denied }
func left(f *flowlog.Flow)    { f.Outcome = flowlog.Left }
func overUDP(f *flowlog.Flow) { f.Protocol = corev1.ProtocolUDP }

// inLines returns entries, each in one line.
func inLines(t *testing.T, entries []v1alpha1.AllowEntry) string {
	t.Helper()
	var out []string
	for _, entry := range entries {
		text, err := yaml.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		json, err := yaml.YAMLToJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.NewReplacer(`"`, "").Replace(string(json)))
	}
	return strings.Join(out, "\n")
}

func TestTiersAreNamedAndChosenByTheLabelsThatPeopleUse(t *testing.T) {
	for name, c := range map[string]struct {
		pods []snapshot.Pod
		want string
	}{
		"by component, where that tells": {
			[]snapshot.Pod{
				pods("shop", "Deployment a", "app.kubernetes.io/name=shop", "app.kubernetes.io/component=web", "a=1"),
				pods("shop", "Deployment b", "app.kubernetes.io/name=shop", "app.kubernetes.io/component=api"),
			},
			"web app.kubernetes.io/component=web; api app.kubernetes.io/component=api",
		},
		"by several labels, where one does not": {
			[]snapshot.Pod{
				pods("shop", "Deployment a", "app=shop", "tier=web"), pods("shop", "Deployment b", "app=shop", "tier=db"), pods("shop", "Deployment c", "app=blog", "tier=db"),
			},
			"web tier=web; shop app=shop,tier=db; blog app=blog",
		},
		"by others, where the usual ones do not": {
			[]snapshot.Pod{pods("shop", "Deployment a", "app=shop", "example.com/part=1"), pods("shop", "Deployment b", "app=shop", "example.com/part=2")},
			"a example.com/part=1; b example.com/part=2",
		},
		"without those that others have more": {
			[]snapshot.Pod{pods("shop", "Deployment a", "app=shop"), pods("shop", "Deployment b", "app=shop", "canvas=1")},
			"shop app=shop,!canvas; b canvas=1",
		},
		"versions together": {
			[]snapshot.Pod{
				pods("shop", "Deployment a", "app=shop", "version=1", "pod-template-hash=x"), pods("shop", "Deployment b", "app=shop", "version=2"),
				pods("shop", "Job c-1", "app=c", "job-name=c-1", "batch.kubernetes.io/job-name=c-1"), pods("shop", "Job c-2", "app=c", "job-name=c-2"),
			},
			"shop app=shop; c app=c",
		},
		"none for pods that nothing tells from others": {
			[]snapshot.Pod{pods("shop", "Deployment a"), pods("shop", "Deployment b", "app=b"), pods("shop", "Deployment c", "not a key=1")},
			"b app=b",
		},
		"not by labels that some of their own pods have": {
			[]snapshot.Pod{
				pods("shop", "Deployment a", "app=shop"), pods("shop", "Deployment a", "app=shop", "canvas=1"),
				pods("shop", "Deployment b", "app=shop", "canvas=1"), pods("shop", "Deployment c", "app=c"),
			},
			"c app=c",
		},
		"of values that are no names": {
			[]snapshot.Pod{pods("shop", "Deployment a", "app=Default-Deny"), pods("shop", "Deployment b", "app=A_b"), pods("shop", "Deployment c", "app=a.b")},
			"default-deny-2 app=Default-Deny; a-b app=A_b; a-b-2 app=a.b",
		},
	} {
		var got []string
		for _, tier := range propose(t, shop(c.pods...), nil).Profile.Spec.Tiers {
			var labels []string
			for key, value := range tier.PodSelector.MatchLabels {
				labels = append(labels, key+"="+string(value))
			}
			for _, e := range tier.PodSelector.MatchExpressions {
				labels = append(labels, "!"+e.Key)
			}
			slices.SortFunc(labels, func(a, b string) int { return strings.Compare(strings.Trim(a, "!"), strings.Trim(b, "!")) })
			got = append(got, tier.Name+" "+strings.Join(labels, ","))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %s, want %s", name, strings.Join(got, "; "), c.want)
		}
	}
}

func TestPortsAreThoseOfServicesOrElseOfContainers(t *testing.T) {
	web, other := pods("shop", "Deployment web", "app=web"), pods("shop", "Deployment other", "app=other")
	web.Ports = []snapshot.ContainerPort{{Name: "http", Port: 8080, Protocol: corev1.ProtocolTCP}, {Port: 9090, Protocol: corev1.ProtocolUDP}}
	canary := web
	canary.Ports = []snapshot.ContainerPort{{Name: "http", Port: 8081, Protocol: corev1.ProtocolTCP}}
	for name, c := range map[string]struct {
		pods     []snapshot.Pod
		services []corev1.Service
		want     string
	}{
		"containers": {[]snapshot.Pod{web}, nil, "8080, UDP 9090"},
		"a Service to a name that all pods give to the same number": {
			[]snapshot.Pod{web}, []corev1.Service{service("shop", "web", "", map[string]string{"app": "web"}, 80, intstr.FromString("http"), "")}, "8080",
		},
		"a Service to a name that pods give to different numbers": {
			[]snapshot.Pod{web, canary}, []corev1.Service{service("shop", "web", "", map[string]string{"app": "web"}, 80, intstr.FromString("http"), "")}, "http",
		},
		"a Service that says no target": {
			[]snapshot.Pod{web}, []corev1.Service{service("shop", "web", "", map[string]string{"app": "web"}, 80, intstr.IntOrString{}, "UDP")}, "UDP 80",
		},
		"Services of others": {
			[]snapshot.Pod{web, other}, []corev1.Service{
				service("shop", "other", "", map[string]string{"app": "other"}, 80, intstr.IntOrString{}, ""),
				service("blog", "web", "", map[string]string{"app": "web"}, 81, intstr.IntOrString{}, ""), service("shop", "all", "", nil, 82, intstr.IntOrString{}, ""),
			}, "8080, UDP 9090",
		},
		"none": {[]snapshot.Pod{pods("shop", "Deployment web", "app=web")}, nil, ""},
	} {
		cluster := shop(c.pods...)
		cluster.Facts.Services = append(cluster.Facts.Services, c.services...)
		tiers := propose(t, cluster, nil).Profile.Spec.Tiers
		i := slices.IndexFunc(tiers, func(tier v1alpha1.Tier) bool { return tier.Name == "web" })
		if got := portsInWords(tiers[i].Ports); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestThereIsNothingToProposeForNobody(t *testing.T) {
	onHost := pods("shop", "DaemonSet agent", "app=agent")
	onHost.HostNetwork = true
	var many []snapshot.Pod
	for i := range 65 {
		many = append(many, pods("shop", fmt.Sprint("Deployment d", i), fmt.Sprint("app=d", i)))
	}
	for want, c := range map[string]*snapshot.Cluster{
		"namespace shop has no pods that a NetworkPolicy could govern, so there is nothing to propose a profile for": shop(onHost, pods("blog", "Deployment web", "app=web")),
		"namespace shop has 65 groups of pods with labels of their own, and a profile has at most 64 tiers":          shop(many...),
	} {
		if p, err := Propose(Input{Namespace: "shop", Name: "shop", Cluster: c}); p != nil || err == nil || err.Error() != want {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

func TestWhatRecordsDoNotTellIsCounted(t *testing.T) {
	p, err := Propose(Input{Namespace: "shop", Name: "shop", Cluster: application(), Observed: &flowlog.Log{Skipped: map[flowlog.Reason]int{
		flowlog.Reply: 7, flowlog.NoDirection: 1, flowlog.NoVerdict: 2, flowlog.NoConnection: 3, flowlog.OtherCluster: 4,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	want := "3 records of no connection of TCP, UDP or SCTP between two ends.\nOne record without a word on which end opened the connection.\n" +
		"2 records without a verdict, or of addresses before they were translated.\n4 records of connections between clusters.\n7 records of replies, which follow from their connections."
	if got := strings.Join(p.PassedOver, "\n"); got != want {
		t.Errorf("passed over\n%s\nwant\n%s", got, want)
	}
}
