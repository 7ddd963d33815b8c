package chart_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"firebreak.dev/firebreak/test/harness"
)

// podOf returns a pod made from the template of the Deployment among objects, as the controllers of a cluster make it.
func podOf(t *testing.T, from objects) *corev1.Pod {
	t.Helper()
	template := one[appsv1.Deployment](t, from, "Deployment").Spec.Template
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "operator-", Namespace: namespace, Labels: template.Labels, Annotations: template.Annotations},
		Spec:       template.Spec,
	}
}

// weakenings are what makes a pod less than restricted, each with what the API server says of it.
func weakenings() map[string]func(*corev1.Pod) {
	container := func(p *corev1.Pod) *corev1.SecurityContext { return p.Spec.Containers[0].SecurityContext }
	return map[string]func(*corev1.Pod){
		"seccompProfile":            func(p *corev1.Pod) { p.Spec.SecurityContext.SeccompProfile = nil },
		"runAsNonRoot != true":      func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsNonRoot = nil },
		"runAsUser=0":               func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsUser = new(int64) },
		"allowPrivilegeEscalation":  func(p *corev1.Pod) { container(p).AllowPrivilegeEscalation = nil },
		"unrestricted capabilities": func(p *corev1.Pod) { container(p).Capabilities = nil },
		"privileged": func(p *corev1.Pod) {
			// With false, the API server refuses the pod whatever its namespace says.
			container(p).Privileged, container(p).AllowPrivilegeEscalation = new(true), nil
		},
		"host namespaces": func(p *corev1.Pod) { p.Spec.HostNetwork = true },
		"hostPort": func(p *corev1.Pod) {
			p.Spec.Containers[0].Ports[0].HostPort = p.Spec.Containers[0].Ports[0].ContainerPort
		},
		"restricted volume types": func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{{Name: "host", VolumeSource: hostPath()}} },
	}
}

func hostPath() corev1.VolumeSource {
	return corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}
}

// A Deployment that is not restricted is only warned about; its pods are what is refused. So pods are what is tried.
func TestThePodsMeetThePodSecurityLevelOfTheirNamespace(t *testing.T) {
	plane := start(t, harness.Options{})
	g := NewWithT(t)
	g.Expect(plane.ApplyConfig(t.Context())).To(Succeed())
	client, err := kubernetes.NewForConfig(plane.Config())
	g.Expect(err).NotTo(HaveOccurred())
	create := func(ctx context.Context, pod *corev1.Pod) error {
		_, err := client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
		return err
	}
	ways := map[string]objects{"config/default": kustomized(t, "config/default"), "the chart": render(t, nil)}
	for way, installed := range ways {
		t.Run(way+" is admitted", func(t *testing.T) {
			NewWithT(t).Expect(create(t.Context(), podOf(t, installed))).To(Succeed())
		})
		for said, weaken := range weakenings() {
			t.Run(way+" weakened is refused: "+said, func(t *testing.T) {
				g := NewWithT(t)
				pod := podOf(t, installed)
				weaken(pod)
				err := create(t.Context(), pod)
				g.Expect(err).To(Satisfy(apierrors.IsForbidden))
				g.Expect(err).To(MatchError(And(ContainSubstring(`violates PodSecurity "restricted:latest"`), ContainSubstring(said))))
			})
		}
	}
}

// What the level restricted does not ask for, and SECURITY.md says all the same.
func TestWhatIsInstalledIsNoMoreThanSecuritySays(t *testing.T) {
	for way, installed := range map[string]objects{
		"config/default":             kustomized(t, "config/default"),
		"the chart":                  render(t, nil),
		"the chart with a namespace": render(t, values{}.set("namespace.create", true)),
	} {
		g := NewWithT(t)
		for _, key := range slices.Sorted(maps.Keys(installed)) {
			kind, _, _ := strings.Cut(key, " ")
			g.Expect(kind).NotTo(Or(ContainSubstring("Webhook"), Equal("Secret"), Equal("APIService"), Equal("ValidatingAdmissionPolicy"), Equal("CronJob"), Equal("DaemonSet")), way)
			if kind == "Namespace" {
				g.Expect(installed[key].GetLabels()).To(HaveKeyWithValue("pod-security.kubernetes.io/enforce", "restricted"), way)
			}
			if kind == "CustomResourceDefinition" {
				text, err := installed[key].MarshalJSON()
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(bytes.Contains(text, []byte(`"webhook"`))).To(BeFalse(), way)
			}
		}
		spec := podOf(t, installed).Spec
		g.Expect(spec.Volumes).To(BeEmpty(), way)
		g.Expect(spec.InitContainers).To(BeEmpty(), way)
		g.Expect(spec.Containers).To(HaveLen(1), way)
		g.Expect(spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem).To(HaveValue(BeTrue()), way)
		g.Expect(spec.Containers[0].Ports).To(HaveLen(2), way)
	}
}
