package chart_test

import (
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// What selects the operator's pods must select them under every way to install it.
func TestEverySelectorMeansTheOperatorsPods(t *testing.T) {
	g := NewWithT(t)
	manifests := kustomized(t, "config/default")
	deployment := one[appsv1.Deployment](t, manifests, "Deployment")
	pod := deployment.Spec.Template
	selects := func(selector *metav1.LabelSelector) {
		t.Helper()
		parsed, err := metav1.LabelSelectorAsSelector(selector)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(parsed.Empty()).To(BeFalse(), "it selects every pod")
		g.Expect(parsed.Matches(labels.Set(pod.Labels))).To(BeTrue(), "%s does not match %v", parsed, pod.Labels)
	}
	selects(deployment.Spec.Selector)
	selects(one[policyv1.PodDisruptionBudget](t, manifests, "PodDisruptionBudget").Spec.Selector)
	selects(&one[networkingv1.NetworkPolicy](t, manifests, "NetworkPolicy").Spec.PodSelector)
	g.Expect(pod.Spec.TopologySpreadConstraints).To(HaveLen(2))
	for _, constraint := range pod.Spec.TopologySpreadConstraints {
		selects(constraint.LabelSelector)
	}
	quota := one[corev1.ResourceQuota](t, manifests, "ResourceQuota")
	g.Expect(quota.Spec.ScopeSelector.MatchExpressions[0].Values).To(ConsistOf(pod.Spec.PriorityClassName))
}

func TestTheOperatorsOwnPolicyCutsNothingOff(t *testing.T) {
	g := NewWithT(t)
	manifests := kustomized(t, "config/default")
	policy := one[networkingv1.NetworkPolicy](t, manifests, "NetworkPolicy").Spec
	g.Expect(policy.PolicyTypes).To(ConsistOf(networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress))
	// The API server and DNS, wherever they are.
	g.Expect(policy.Egress).To(ConsistOf(networkingv1.NetworkPolicyEgressRule{}))

	open := []int32{}
	for _, rule := range policy.Ingress {
		g.Expect(rule.From).To(BeEmpty(), "neither the kubelet nor Prometheus has an address that is known here")
		for _, port := range rule.Ports {
			g.Expect(port.Protocol).To(HaveValue(Equal(corev1.ProtocolTCP)))
			open = append(open, port.Port.IntVal)
		}
	}
	for _, port := range one[appsv1.Deployment](t, manifests, "Deployment").Spec.Template.Spec.Containers[0].Ports {
		g.Expect(open).To(ContainElement(port.ContainerPort), "port %s", port.Name)
	}
}
