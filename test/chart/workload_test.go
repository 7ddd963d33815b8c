package chart_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"firebreak.dev/firebreak/test/harness"
)

// rationed makes the API server refuse pods of the system's priority classes where no quota speaks of them, in every
// namespace. Clusters such as those of GKE are configured like this.
const rationed = `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ResourceQuota
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ResourceQuotaConfiguration
    limitedResources:
    - resource: pods
      matchScopes:
      - scopeName: PriorityClass
        operator: In
        values: [system-node-critical, system-cluster-critical]
`

// workload is the operator's Deployment on a control plane that makes its pods, but has no kubelet to run them: the test
// says which are ready.
type workload struct {
	*WithT
	client kubernetes.Interface
}

// startWorkload installs config/default on a control plane with the controllers that clusters have for Deployments.
func startWorkload(t *testing.T) workload {
	t.Helper()
	admission := filepath.Join(t.TempDir(), "admission.yaml")
	if err := os.WriteFile(admission, []byte(rationed), 0o600); err != nil {
		t.Fatal(err)
	}
	plane := start(t, harness.Options{
		Controllers: []string{"deployment-controller", "replicaset-controller", "resourcequota-controller", "disruption-controller"},
		// Pods get their tokens as they do in a cluster.
		APIServerFlags: map[string]string{"admission-control-config-file": admission, "disable-admission-plugins": ""},
	})
	if err := plane.ApplyConfig(t.Context()); err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	return workload{WithT: NewWithT(t), client: client}
}

// start starts a control plane for the rest of the test.
func start(t *testing.T, opts harness.Options) *harness.ControlPlane {
	t.Helper()
	log.SetLogger(logr.Discard())
	SetDefaultEventuallyTimeout(time.Minute)
	SetDefaultEventuallyPollingInterval(100 * time.Millisecond)
	plane, err := harness.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	return plane
}

// pods returns the pods of the operator by name.
func (w workload) pods(ctx context.Context) map[string]corev1.Pod {
	list, err := w.client.CoreV1().Pods(harness.ManagerNamespace).List(ctx, metav1.ListOptions{})
	w.Expect(err).NotTo(HaveOccurred())
	out := map[string]corev1.Pod{}
	for _, pod := range list.Items {
		out[pod.Name] = pod
	}
	return out
}

// makeReady does for every pod what a kubelet does when its readiness probe is answered.
func (w workload) makeReady(ctx context.Context) {
	for name := range w.pods(ctx) {
		status := `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`
		_, err := w.client.CoreV1().Pods(harness.ManagerNamespace).Patch(
			ctx, name, types.StrategicMergePatchType, []byte(status), metav1.PatchOptions{}, "status")
		if !apierrors.IsNotFound(err) {
			w.Expect(err).NotTo(HaveOccurred())
		}
	}
}

// change patches the Deployment.
func (w workload) change(ctx context.Context, patch string) {
	_, err := w.client.AppsV1().Deployments(harness.ManagerNamespace).Patch(
		ctx, harness.ManagerServiceAccount, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	w.Expect(err).NotTo(HaveOccurred())
}

func (w workload) evict(ctx context.Context, name string) error {
	return w.client.PolicyV1().Evictions(harness.ManagerNamespace).Evict(ctx, &policyv1.Eviction{
		ObjectMeta: metav1.ObjectMeta{Namespace: harness.ManagerNamespace, Name: name},
	})
}

func TestTheDeploymentOnAClusterThatRationsPriority(t *testing.T) {
	w := startWorkload(t)
	ctx := t.Context()

	// A restricted namespace, the quota, the priority class and the ServiceAccount all had a say in these.
	w.Eventually(func() int { return len(w.pods(ctx)) }).Should(Equal(2), "pods are admitted")
	for name, pod := range w.pods(ctx) {
		w.Expect(pod.Spec.Priority).To(HaveValue(BeEquivalentTo(2_000_000_000)), name)
		w.Expect(pod.Spec.Volumes).To(ContainElement(HaveField("Projected.Sources", ContainElement(HaveField("ServiceAccountToken", Not(BeNil()))))), "it has a token")
	}

	t.Run("an update takes no replica away before a new one is ready", func(t *testing.T) {
		w := workload{WithT: NewWithT(t), client: w.client}
		w.makeReady(ctx)
		names := func() []string { return slices.Sorted(maps.Keys(w.pods(ctx))) }
		before := names()
		w.change(ctx, `{"spec":{"template":{"spec":{"containers":[{"name":"manager","image":"firebreak-controller:next"}]}}}}`)
		w.Eventually(names).Should(HaveLen(3))
		w.Consistently(names, time.Second).Should(And(HaveLen(3), ContainElements(before)))
		w.Eventually(func() bool {
			w.makeReady(ctx)
			return finished(ctx, w)
		}).Should(BeTrue())
		w.Expect(names()).NotTo(ContainElements(BeElementOf(before)))
	})

	t.Run("draining nodes takes one replica at a time", func(t *testing.T) {
		w := workload{WithT: NewWithT(t), client: w.client}
		w.makeReady(ctx)
		names := slices.Sorted(maps.Keys(w.pods(ctx)))
		w.Eventually(func() error { return w.evict(ctx, names[0]) }).Should(Succeed())
		w.Eventually(func() int { return len(w.pods(ctx)) }).Should(Equal(2), "another is made, which is not ready")
		w.Eventually(func() error { return w.evict(ctx, names[1]) }).Should(Satisfy(apierrors.IsTooManyRequests))
		w.Consistently(func() error { return w.evict(ctx, names[1]) }, time.Second).Should(Satisfy(apierrors.IsTooManyRequests))
	})

	t.Run("without the quota no pod is admitted, as docs/operations.md says", func(t *testing.T) {
		w := workload{WithT: NewWithT(t), client: w.client}
		w.Expect(w.client.CoreV1().ResourceQuotas(harness.ManagerNamespace).Delete(ctx, "firebreak-critical-pods", metav1.DeleteOptions{})).To(Succeed())
		w.change(ctx, `{"spec":{"replicas":3}}`)
		w.Eventually(func() string {
			deployment, err := w.client.AppsV1().Deployments(harness.ManagerNamespace).Get(ctx, harness.ManagerServiceAccount, metav1.GetOptions{})
			w.Expect(err).NotTo(HaveOccurred())
			return fmt.Sprint(deployment.Status.Conditions)
		}).Should(ContainSubstring("insufficient quota to match these scopes"))
	})
}

// finished says whether the Deployment has come to rest with the pods it wants.
func finished(ctx context.Context, w workload) bool {
	deployment, err := w.client.AppsV1().Deployments(harness.ManagerNamespace).Get(ctx, harness.ManagerServiceAccount, metav1.GetOptions{})
	w.Expect(err).NotTo(HaveOccurred())
	s := deployment.Status
	for _, c := range s.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure {
			return false
		}
	}
	return s.ObservedGeneration == deployment.Generation && s.Replicas == 2 && s.UpdatedReplicas == 2 && s.AvailableReplicas == 2
}
