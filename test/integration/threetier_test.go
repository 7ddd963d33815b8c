package integration_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apimachinery/pkg/watch"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/health"
)

var _ = Describe("The three-tier sample", Ordered, ContinueOnFailure, func() {
	const namespace = "production"
	var live map[string]networkingv1.NetworkPolicy

	BeforeAll(func(ctx SpecContext) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		Expect(k8s.Create(ctx, ns)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { remove(ctx, ns) })
		kubectl(ctx, "apply", "-f", "config/samples/three-tier.yaml")
		kubectl(ctx, "wait", "--for=condition=Ready", "segp/shop", "-n", namespace, "--timeout=30s")
		live = policies(ctx, namespace)
	})

	It("becomes the policies that the documentation shows", func() {
		want := goldenPolicies("internal/compiler/testdata/three-tier.out.yaml")
		Expect(live).To(HaveLen(len(want)))
		for _, w := range want {
			got, ok := live[w.Name]
			Expect(ok).To(BeTrue(), "policy %s", w.Name)
			Expect(got.Spec).To(Equal(w.Spec), "spec of %s", w.Name)
			Expect(got.Labels).To(Equal(w.Labels), "labels of %s", w.Name)
			Expect(got.Annotations[v1alpha1.AnnotationPurpose]).To(Equal(w.Annotations[v1alpha1.AnnotationPurpose]))
		}
	})

	It("lets the database call nobody, not even DNS", func(ctx SpecContext) {
		database := policyOf(ctx, namespace, "database")
		Expect(database.Spec.Egress).To(BeEmpty())
		Expect(database.Spec.PolicyTypes).To(ContainElement(networkingv1.PolicyTypeEgress))
	})

	It("lets the frontend reach the API on 8080 and DNS, and nothing else", func(ctx SpecContext) {
		egress := policyOf(ctx, namespace, "frontend").Spec.Egress
		Expect(egress).To(HaveLen(2))
		Expect(portsOf(egress[0])).To(Equal([]string{"TCP 53", "UDP 53"}))
		Expect(portsOf(egress[1])).To(Equal([]string{"TCP 8080"}))
		Expect(egress[1].To).To(Equal([]networkingv1.NetworkPolicyPeer{
			{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "api"}}},
		}))
	})

	It("opens HTTPS to public addresses of both families only", func(ctx SpecContext) {
		var https []networkingv1.NetworkPolicyPeer
		for _, rule := range policyOf(ctx, namespace, "api").Spec.Egress {
			if portsOf(rule)[0] == "TCP 443" {
				https = append(https, rule.To...)
			}
		}
		Expect(https).To(HaveLen(2))
		Expect(https[0].IPBlock.CIDR).To(Equal("0.0.0.0/0"))
		Expect(https[0].IPBlock.Except).To(ContainElements("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8"))
		Expect(https[1].IPBlock.CIDR).To(Equal("2000::/3"))
	})

	It("has no rule without peers or without ports, which would admit everybody or everything", func() {
		for name, p := range live {
			for _, rule := range p.Spec.Ingress {
				Expect(rule.From).NotTo(BeEmpty(), name)
				Expect(rule.Ports).NotTo(BeEmpty(), name)
			}
			for _, rule := range p.Spec.Egress {
				Expect(rule.To).NotTo(BeEmpty(), name)
				Expect(rule.Ports).NotTo(BeEmpty(), name)
			}
		}
	})

	It("is shown by kubectl get in one line", func(ctx SpecContext) {
		lines := strings.Split(kubectl(ctx, "get", "segp", "-n", namespace), "\n")
		Expect(strings.Fields(lines[0])).To(Equal([]string{"NAME", "MODE", "READY", "ISOLATED", "TIERS", "POLICIES", "DRIFT", "AGE"}))
		cells := strings.Fields(lines[1])
		Expect(cells[:3]).To(Equal([]string{"shop", "Enforce", "True"}))
		Expect(cells).To(ContainElement("4"), "the number of policies in %q", lines[1])
	})
})

var _ = Describe("The kstatus of a profile, which Flux and Argo CD go by", func() {
	It("is InProgress before the operator has seen it, and Current when it is ready", func(ctx SpecContext) {
		profile := newProfile(ctx, newNamespace(ctx, nil), "shop", twoTiers)
		// What the API server answered to the creation.
		Expect(profile.Status.ObservedGeneration).To(BeEquivalentTo(-1))
		Expect(kstatusOf(profile)).To(Equal(kstatus.InProgressStatus))
		expectReady(ctx, profile)
		Expect(kstatusOf(profile)).To(Equal(kstatus.CurrentStatus))
	})

	It("is InProgress after a change of the spec until the operator has seen it", func(ctx SpecContext) {
		profile := newProfile(ctx, newNamespace(ctx, nil), "shop", twoTiers)
		expectReady(ctx, profile)
		patchSpec(ctx, profile, "dns: Cluster")
		Expect(kstatusOf(profile)).To(Equal(kstatus.InProgressStatus))
		expectReady(ctx, profile)
		Expect(kstatusOf(profile)).To(Equal(kstatus.CurrentStatus))
	})

	It("is Failed when somebody must act", func(ctx SpecContext) {
		profile := newProfile(ctx, "kube-public", newName("shop"), "tiers: []")
		expectStalled(ctx, profile, "ProtectedNamespace")
		Expect(kstatusOf(profile)).To(Equal(kstatus.FailedStatus))
	})

	It("never says more than is known while a profile becomes ready", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		list := &v1alpha1.SegmentationProfileList{}
		watcher, err := k8s.Watch(ctx, list, client.InNamespace(namespace))
		Expect(err).NotTo(HaveOccurred())
		defer watcher.Stop()
		newProfile(ctx, namespace, "shop", twoTiers)
		for {
			var event watch.Event
			Eventually(watcher.ResultChan()).Should(Receive(&event))
			profile, ok := event.Object.(*v1alpha1.SegmentationProfile)
			Expect(ok).To(BeTrue())
			if kstatusOf(profile) == kstatus.CurrentStatus {
				Expect(tiers(ctx, namespace)).To(ConsistOf("web", "db", "default-deny"))
				return
			}
		}
	})
})

func kstatusOf(profile *v1alpha1.SegmentationProfile) kstatus.Status {
	GinkgoHelper()
	object, err := health.Unstructured(profile, k8s.Scheme())
	Expect(err).NotTo(HaveOccurred())
	out, err := health.KStatus(object)
	Expect(err).NotTo(HaveOccurred())
	return out
}

// goldenPolicies reads the policies of a golden output of the compiler.
func goldenPolicies(path string) []networkingv1.NetworkPolicy {
	GinkgoHelper()
	file, err := os.Open(plane.Root() + "/" + path)
	Expect(err).NotTo(HaveOccurred())
	defer func() { Expect(file.Close()).To(Succeed()) }()
	var out []networkingv1.NetworkPolicy
	documents := utilyaml.NewYAMLReader(bufio.NewReader(file))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		Expect(err).NotTo(HaveOccurred())
		var policy networkingv1.NetworkPolicy
		Expect(yaml.Unmarshal(document, &policy)).To(Succeed())
		if policy.Kind == "NetworkPolicy" {
			out = append(out, policy)
		}
	}
}

func portsOf(rule networkingv1.NetworkPolicyEgressRule) []string {
	var out []string
	for _, p := range rule.Ports {
		out = append(out, string(*p.Protocol)+" "+p.Port.String())
	}
	return out
}
