package main

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// templateHash stands for the hash of a pod template: a Deployment gives it to its pods as a label, and to the name of the
// ReplicaSet that makes them.
const templateHash = "6d4cf56db6"

// workload is a Deployment as far as it can be seen from its pods, which are all that there is of it here.
type workload struct {
	namespace, name string
	// label is that of the pods, such as "tier=api".
	label string
	// port is the one that the container declares; none when 0.
	port int32
	// addresses are those of the pods, one each.
	addresses []string
}

// runPods creates the pods of workloads.
func (d *demo) runPods(ctx context.Context, workloads ...workload) error {
	for _, w := range workloads {
		for i, address := range w.addresses {
			if err := d.runPod(ctx, w.pod(i), address); err != nil {
				return fmt.Errorf("run pod %d of %s in namespace %s: %w", i+1, w.name, w.namespace, err)
			}
		}
	}
	return nil
}

func (w workload) pod(i int) *corev1.Pod {
	key, value, _ := strings.Cut(w.label, "=")
	container := corev1.Container{Name: w.name, Image: "example.com/" + w.namespace + "/" + w.name}
	if w.port > 0 {
		container.Ports = []corev1.ContainerPort{{ContainerPort: w.port}}
	}
	controlled := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: fmt.Sprintf("%s-%d", w.name, i+1), Labels: map[string]string{key: value, "pod-template-hash": templateHash},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "ReplicaSet", Name: w.name + "-" + templateHash, UID: types.UID(w.namespace + "-" + w.name),
				Controller: &controlled,
			}},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{container}},
	}
}

// runPod creates a pod and says of it what a kubelet would: that it runs.
func (d *demo) runPod(ctx context.Context, pod *corev1.Pod, address string) error {
	pods := d.client.CoreV1().Pods(pod.Namespace)
	created, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	created.Status = corev1.PodStatus{
		Phase:      corev1.PodRunning,
		PodIP:      address,
		PodIPs:     []corev1.PodIP{{IP: address}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: pod.Spec.Containers[0].Name, Ready: true,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		}},
	}
	_, err = pods.UpdateStatus(ctx, created, metav1.UpdateOptions{})
	return err
}

func (d *demo) createNamespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := d.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace %s: %w", name, err)
	}
	return nil
}
