package cluster

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
)

// largePod is a pod as clusters have them: most of it says who set which field, how containers run and how they are.
func largePod() *corev1.Pod {
	p := with(pod("web-5d8f7c9b6d-x2x4z", "web"), serving(corev1.ContainerPort{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}))
	p.UID, p.ResourceVersion = "2b8a6f2e-8f6d-4f63-b1f8-6a7a7a0a2f11", "123456789"
	p.Labels["pod-template-hash"], p.OwnerReferences = "5d8f7c9b6d", madeBy("ReplicaSet", "web-5d8f7c9b6d")
	p.Annotations = map[string]string{"checksum/config": strings.Repeat("0123456789abcdef", 4)}
	for i := range 4 {
		p.ManagedFields = append(p.ManagedFields, metav1.ManagedFieldsEntry{
			Manager: fmt.Sprint("manager-", i), Operation: "Update", APIVersion: "v1", FieldsType: "FieldsV1",
			FieldsV1: metav1.NewFieldsV1(strings.Repeat(`{"f:status":{"f:conditions":{`, 40)),
		})
	}
	container := &p.Spec.Containers[0]
	for i := range 12 {
		name := fmt.Sprint("SETTING_", i)
		container.Env = append(container.Env, corev1.EnvVar{Name: name, Value: "a value of some length"})
		container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/var/run/" + name, ReadOnly: true})
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}},
		}})
	}
	container.Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("128Mi")}
	p.Spec.Containers = append(p.Spec.Containers, *container.DeepCopy())
	for _, condition := range []corev1.PodConditionType{"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"} {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: condition, Status: "True", LastTransitionTime: metav1.Unix(1e9, 0)})
	}
	for range p.Spec.Containers {
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: "web", Image: "registry.example/web:1.2.3", ImageID: "registry.example/web@sha256:" + strings.Repeat("0123456789abcdef", 4),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Unix(1e9, 0)}},
		})
	}
	p.Status.PodIPs = []corev1.PodIP{{IP: "10.0.0.1"}, {IP: "fd00::1"}}
	return p
}

// BenchmarkDecode reads a pod as it comes out of a watch: in part, and, to compare, all of it.
func BenchmarkDecode(b *testing.B) {
	data := encoded(b, largePod())
	for name, codecs := range map[string]runtime.NegotiatedSerializer{"part": podSerializer(), "whole": clientgoscheme.Codecs.WithoutConversion()} {
		info, ok := runtime.SerializerInfoForMediaType(codecs.SupportedMediaTypes(), runtime.ContentTypeProtobuf)
		if !ok {
			b.Fatal("no protobuf")
		}
		decoder := codecs.DecoderToVersion(info.Serializer, corev1.SchemeGroupVersion)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := runtime.Decode(decoder, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// encoded returns an object as the API server sends it.
func encoded(t testing.TB, obj runtime.Object) []byte {
	t.Helper()
	info, ok := runtime.SerializerInfoForMediaType(clientgoscheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeProtobuf)
	if !ok {
		t.Fatal("no protobuf")
	}
	data, err := runtime.Encode(clientgoscheme.Codecs.EncoderForVersion(info.Serializer, corev1.SchemeGroupVersion), obj)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
