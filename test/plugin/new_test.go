package plugin_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// runs makes a pod that serves a port.
func runs(ctx context.Context, namespace, name string, port int32) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/name": "shop", "app.kubernetes.io/component": name},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: name, Image: name, Ports: []corev1.ContainerPort{{Name: "serves", ContainerPort: port}},
		}}},
	})).To(Succeed())
}

// proposed reads a profile that new printed.
func proposed(text string) *v1alpha1.SegmentationProfile {
	GinkgoHelper()
	profile := &v1alpha1.SegmentationProfile{}
	Expect(yaml.UnmarshalStrict([]byte(text), profile)).To(Succeed())
	return profile
}

var _ = Describe("new", func() {
	It("proposes a profile that the cluster takes, and that allows what was seen and no more", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		runs(ctx, namespace, "web", 8080)
		runs(ctx, namespace, "api", 8081)
		runs(ctx, namespace, "db", 5432)
		service := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "api", Namespace: namespace},
			Spec: corev1.ServiceSpec{
				Selector: map[string]string{"app.kubernetes.io/component": "api"},
				Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("serves")}},
			},
		}
		Expect(k8s.Create(ctx, service)).To(Succeed())

		By("without connections")
		got := firebreak(ctx, "new", "-n", namespace)
		Expect(got.code).To(BeZero(), got.stderr)
		first := proposed(got.stdout)
		Expect(first.Spec.Tiers).To(HaveLen(3))
		Expect(first.Spec.Allow).To(BeEmpty())
		Expect(k8s.Create(ctx, first)).To(Succeed())
		waitReady(ctx, first)
		Expect(policiesIn(ctx, namespace)).To(BeEmpty(), "a preview writes nothing")

		By("with connections")
		flows := fmt.Sprintf("source,destination,port\nweb,%s,80\napi,%s/db,5432\n", service.Spec.ClusterIP, namespace)
		got = firebreakAs(ctx, admin, flows, "new", "-n", namespace, "--name", "observed", "--from-flows", "-")
		Expect(got.code).To(BeZero(), got.stderr)
		Expect(got.stderr).To(ContainSubstring("Namespace " + namespace + " has profiles already, and what any of them allows is allowed: " + namespace + "."))
		checked := firebreakAs(ctx, admin, got.stdout, "check", "-f", "-", "--live")
		Expect(checked.code).To(BeZero(), checked.stdout+checked.stderr)
		profile := proposed(got.stdout)
		profile.Spec.Mode = v1alpha1.ModeEnforce
		Expect(k8s.Create(ctx, profile)).To(Succeed())
		waitReady(ctx, profile)
		for _, c := range []struct{ from, to, expect string }{
			{"pod/web", "pod/api:8081", "allowed"}, {"pod/api", "pod/db:5432", "allowed"},
			{"pod/web", "pod/db:5432", "denied"}, {"pod/api", "pod/web:8080", "denied"}, {"pod/web", "internet:443", "denied"},
		} {
			answer := firebreak(ctx, "explain", c.from, c.to, "-n", namespace, "--expect", c.expect)
			Expect(answer.code).To(BeZero(), answer.stdout+answer.stderr)
		}

		By("for one who may view this namespace only")
		viewer := viewerOf(ctx, namespace, "view")
		Eventually(func() int {
			got = firebreakAs(ctx, viewer, flows, "new", "-n", namespace, "--name", "mine", "--from-flows", "-")
			return got.code
		}).Should(BeZero(), "the role view is aggregated in the background")
		Expect(proposed(got.stdout).Spec.Allow).To(Equal(profile.Spec.Allow))

		By("not under a name that is taken")
		got = firebreak(ctx, "new", "-n", namespace)
		Expect(got.code).To(Equal(2))
		Expect(got.stderr).To(ContainSubstring("namespace " + namespace + " has a SegmentationProfile " + namespace + " already"))
	})
})
