package controllers

import (
	"context"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"firebreak.dev/firebreak/internal/plan"
)

// nameRivals looks up who changes the policies that are fought over, as long as that is not known and before their changes
// are put right. It is no matter if that fails: the fight is reported all the same.
func (r *NamespaceReconciler) nameRivals(ctx context.Context, namespace string, set plan.ChangeSet) {
	if !r.fights.unnamed(namespace, append(slices.Concat(set.Steps[:]...), set.Waiting...), time.Now()) {
		return
	}
	// The cache has no managedFields.
	live, err := r.reader.LivePolicies(ctx, namespace)
	if err != nil {
		log.FromContext(ctx).Error(err, "Look up who changes policies")
		return
	}
	writers := map[string]string{}
	for _, policy := range live {
		writers[policy.Name] = lastWriter(policy)
	}
	r.fights.name(namespace, writers)
}

// lastWriter returns the field manager, other than our own, that changed a policy last; empty when there is none.
func lastWriter(policy *networkingv1.NetworkPolicy) string {
	var last metav1.ManagedFieldsEntry
	for _, entry := range policy.ManagedFields {
		if entry.Manager != fieldOwner && (last.Time == nil || (entry.Time != nil && !entry.Time.Before(last.Time))) {
			last = entry
		}
	}
	return last.Manager
}
