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

// namingTimeout is how long a correction waits at most until it is known whom it corrects.
const namingTimeout = time.Second

// nameRivals looks up who changes the policies that are fought over, as long as that is not known and before their changes
// are put right: afterwards nobody can tell. It is no matter if that fails: the fight is reported all the same.
func (r *NamespaceReconciler) nameRivals(ctx context.Context, namespace string, set plan.ChangeSet) {
	unnamed := r.fights.unnamed(namespace, append(slices.Concat(set.Steps[:]...), set.Waiting...), time.Now())
	if len(unnamed) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, namingTimeout)
	defer cancel()
	// The cache has no managedFields.
	live, err := r.reader.LivePolicies(ctx, namespace)
	if err != nil {
		log.FromContext(ctx).Error(err, "Look up who changes policies")
		return
	}
	writers := map[string]string{}
	for _, policy := range live {
		if unnamed[policy.Name] {
			writers[policy.Name] = lastWriter(policy)
		}
	}
	r.fights.name(namespace, writers)
}

// lastWriter returns the field manager that changed a policy last, when it is known that somebody changed what we wrote;
// empty when that cannot be told. Times are in whole seconds, so one that wrote in the same second as we did came after us,
// and of several others nobody knows which.
func lastWriter(policy *networkingv1.NetworkPolicy) string {
	var newest metav1.Time
	for _, entry := range policy.ManagedFields {
		if entry.Time != nil && newest.Before(entry.Time) {
			newest = *entry.Time
		}
	}
	writer := ""
	for _, entry := range policy.ManagedFields {
		if entry.Manager == fieldOwner || entry.Time == nil || !entry.Time.Equal(&newest) || entry.Manager == writer {
			continue
		}
		if writer != "" {
			return ""
		}
		writer = entry.Manager
	}
	return writer
}
