package main

import (
	"context"
	_ "embed" // the pod
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// podManifest is a pod of the usual size.
//
//go:embed pod.yaml
var podManifest []byte

// pods are spread over the namespaces of a roll-out.
type pods struct {
	*rollOut
	like corev1.Pod
	all  []*corev1.Pod
}

// newPods returns so many pods, which are not there yet.
func (r *rollOut) newPods(number int) (*pods, error) {
	p := &pods{rollOut: r}
	if err := yaml.UnmarshalStrict(podManifest, &p.like); err != nil {
		return nil, fmt.Errorf("read the pod that all are like: %w", err)
	}
	for i := range number {
		p.all = append(p.all, p.pod(i))
	}
	return p, nil
}

// pod returns the pod of a number. Three in a row are of the three tiers of one namespace, each of which is a Deployment.
func (p *pods) pod(i int) *corev1.Pod {
	pod := p.like.DeepCopy()
	pod.Namespace = p.namespaces[i/3%len(p.namespaces)]
	tier := []string{"web", "api", "db"}[i%3]
	set := tier + "-" + pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	pod.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "ReplicaSet", Name: set, UID: uuid.NewUUID(), Controller: new(true), BlockOwnerDeletion: new(true),
	}}
	pod.GenerateName = set + "-"
	pod.Name = fmt.Sprintf("%s%05d", pod.GenerateName, i)
	pod.Labels["app"] = tier
	pod.Labels["app.kubernetes.io/instance"] = pod.Namespace
	address := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String()
	pod.Status.PodIP, pod.Status.PodIPs = address, []corev1.PodIP{{IP: address}}
	return pod
}

// create makes a pod, as whoever controls it does.
func (p *pods) create(ctx context.Context, pod *corev1.Pod) error {
	return p.admin.Create(ctx, pod.DeepCopy(), client.FieldOwner("kube-controller-manager"))
}

// start says of a pod that it runs, as the kubelet does.
func (p *pods) start(ctx context.Context, pod *corev1.Pod) error {
	return p.admin.Status().Patch(ctx, &corev1.Pod{ObjectMeta: *pod.ObjectMeta.DeepCopy(), Status: *pod.Status.DeepCopy()}, client.MergeFrom(&corev1.Pod{ObjectMeta: pod.ObjectMeta}), client.FieldOwner("kubelet"))
}

// remove deletes a pod at once, as the kubelet does when its containers have ended.
func (p *pods) remove(ctx context.Context, pod *corev1.Pod) error {
	return p.admin.Delete(ctx, &corev1.Pod{ObjectMeta: *pod.ObjectMeta.DeepCopy()}, client.GracePeriodSeconds(0))
}

// createAll makes those between two numbers, and says that they run.
func (p *pods) createAll(ctx context.Context, from, to int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, pod := range p.all[from:to] {
		group.Go(func() error {
			if err := p.create(ctx, pod); err != nil {
				return fmt.Errorf("create a pod: %w", err)
			}
			return p.start(ctx, pod)
		})
	}
	return group.Wait()
}

// churn changes so many pods a second until ctx ends: one after the other is deleted; then one after the other is there again,
// and runs. It returns how many changes there were.
func (p *pods) churn(ctx context.Context, perSecond int) (made int, err error) {
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	group, work := errgroup.WithContext(context.WithoutCancel(ctx))
	group.SetLimit(atOnce)
	steps := []func(context.Context, *corev1.Pod) error{p.remove, p.create, p.start}
	// Few enough that each is changed again while the next are, and more than are changed side by side.
	slots := min(len(p.all), 3*perSecond)
	for {
		select {
		case <-ctx.Done():
			return made, group.Wait()
		case <-work.Done():
			return made, group.Wait()
		case <-ticker.C:
			pod, step := p.all[made%slots], steps[made/slots%len(steps)]
			group.Go(func() error { return step(work, pod) })
			made++
		}
	}
}
