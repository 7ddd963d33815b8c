package testbed

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RunPod runs a pod: a host with the next free addresses, of either family, and what a scheduler and a kubelet would write. It
// has the labels and ports that the pod is given, listens on nothing yet, and is called NAMESPACE/NAME.
func (c *Cluster) RunPod(ctx context.Context, pod *corev1.Pod) (*Host, error) {
	c.mu.Lock()
	c.pods++
	number := c.pods
	c.mu.Unlock()
	addresses := []netip.Addr{
		netip.AddrFrom4([4]byte{10, 244, byte(number >> 8), byte(number)}),
		netip.MustParseAddr(fmt.Sprintf("fd00:244::%x", number)),
	}
	host, err := c.network.Attach(ctx, pod.Namespace+"/"+pod.Name, addresses...)
	if err != nil {
		return nil, err
	}
	pod.Spec.NodeName = NodeName
	if len(pod.Spec.Containers) == 0 {
		pod.Spec.Containers = []corev1.Container{{Name: "main"}}
	}
	for i := range pod.Spec.Containers {
		pod.Spec.Containers[i].Image = "example.com/image"
	}
	if err := c.Client.Create(ctx, pod); err != nil {
		return nil, errors.Join(fmt.Errorf("run pod %s: %w", host.Name, err), host.Detach(ctx))
	}
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: addresses[0].String(), HostIP: NodeAddresses()[0].String(),
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
	for _, a := range addresses {
		pod.Status.PodIPs = append(pod.Status.PodIPs, corev1.PodIP{IP: a.String()})
	}
	for _, container := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Ready: true, Image: container.Image,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		})
	}
	if err := c.Client.Status().Update(ctx, pod); err != nil {
		return nil, errors.Join(fmt.Errorf("run pod %s: %w", host.Name, err), host.Detach(ctx))
	}
	return host, nil
}
