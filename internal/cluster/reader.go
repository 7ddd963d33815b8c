package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

// ErrStale says that the cache contradicts the API server; it will catch up.
var ErrStale = errors.New("the cache is behind the API server")

// ErrPodsNotListed says that it is not known yet which pods there are. It is an ErrStale that may last.
var ErrPodsNotListed = fmt.Errorf("pods are not listed yet: %w", ErrStale)

// Reader reads from the cache, and from the API server itself where the cache must not be trusted.
type Reader struct {
	Cache   client.Reader
	Live    client.Reader
	Pods    *Pods
	Options snapshot.Options

	namespaces namespacesMemory
	ranges     rangesMemory
	confirmed  confirmations
	converted  conversions
}

// Load returns the snapshot of a namespace that has these policies, and the doubts about profiles in it. The objects are shared
// with the cache and must not be changed. Follow is called with each fact before it is looked up: whoever remembers it by then
// hears of every change since.
func (r *Reader) Load(ctx context.Context, ns snapshot.Namespace, policies []*networkingv1.NetworkPolicy, follow func(snapshot.Fact)) (snapshot.Snapshot, Doubts, error) {
	s := snapshot.Snapshot{Namespace: ns, Options: r.Options, Policies: policies}
	var err error
	if s.Profiles, err = r.profiles(ctx, ns.Name); err != nil {
		return s, nil, err
	}
	doubts := r.refreshDoubtful(ctx, s)
	s.Facts, err = r.facts(ctx, s.References(), follow)
	return s, doubts, err
}

// Policies returns the NetworkPolicies of a namespace, or of metav1.NamespaceAll, from the cache, with which they are shared.
func (r *Reader) Policies(ctx context.Context, namespace string) ([]*networkingv1.NetworkPolicy, error) {
	return policies(ctx, r.Cache, namespace, client.UnsafeDisableDeepCopy)
}

// LivePolicies returns the NetworkPolicies of a namespace from the API server itself.
func (r *Reader) LivePolicies(ctx context.Context, namespace string) ([]*networkingv1.NetworkPolicy, error) {
	return policies(ctx, r.Live, namespace)
}

// AllLivePolicies lists the NetworkPolicies of all namespaces from the API server itself, page by page. It ends with the first error.
func (r *Reader) AllLivePolicies(ctx context.Context) iter.Seq2[[]*networkingv1.NetworkPolicy, error] {
	return func(yield func([]*networkingv1.NetworkPolicy, error) bool) {
		next := ""
		for more := true; more; more = next != "" {
			var list networkingv1.NetworkPolicyList
			if err := r.Live.List(ctx, &list, client.Limit(livePage), client.Continue(next)); err != nil {
				yield(nil, fmt.Errorf("list network policies of all namespaces: %w", err))
				return
			}
			next = list.Continue
			if !yield(pointers(list.Items), nil) {
				return
			}
		}
	}
}

func policies(ctx context.Context, reader client.Reader, namespace string, opts ...client.ListOption) ([]*networkingv1.NetworkPolicy, error) {
	var list networkingv1.NetworkPolicyList
	if err := reader.List(ctx, &list, append(opts, client.InNamespace(namespace))...); err != nil {
		return nil, fmt.Errorf("list network policies of %s: %w", cmp.Or(namespace, "all namespaces"), err)
	}
	return pointers(list.Items), nil
}

func pointers(policies []networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	out := make([]*networkingv1.NetworkPolicy, 0, len(policies))
	for i := range policies {
		out = append(out, &policies[i])
	}
	return out
}

func (r *Reader) profiles(ctx context.Context, namespace string) ([]snapshot.Profile, error) {
	var out []snapshot.Profile
	var namespaced v1alpha1.SegmentationProfileList
	if err := r.Cache.List(ctx, &namespaced, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list SegmentationProfiles of %s: %w", namespace, err)
	}
	for i := range namespaced.Items {
		out = append(out, snapshot.FromSegmentationProfile(&namespaced.Items[i]))
	}
	cluster, err := r.ClusterProfiles(ctx)
	if err != nil {
		return nil, err
	}
	out = append(out, cluster...)
	slices.SortFunc(out, snapshot.Profile.Compare)
	return out, nil
}

// ClusterProfiles returns every ClusterSegmentationProfile, without order. They are shared and must not be changed.
func (r *Reader) ClusterProfiles(ctx context.Context) ([]snapshot.Profile, error) {
	var list v1alpha1.ClusterSegmentationProfileList
	if err := r.Cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list ClusterSegmentationProfiles: %w", err)
	}
	return r.converted.all(list.Items), nil
}

func fromCluster(obj *v1alpha1.ClusterSegmentationProfile) snapshot.Profile {
	p := snapshot.FromClusterSegmentationProfile(obj)
	p.Unguarded = !p.Deleting && !slices.Contains(obj.Finalizers, v1alpha1.Finalizer)
	return p
}

// Profile reads a profile by key; ok is false when there is none.
func Profile(ctx context.Context, reader client.Reader, key snapshot.ProfileKey) (p snapshot.Profile, ok bool, err error) {
	name := types.NamespacedName{Namespace: key.Namespace, Name: key.Name}
	if key.Kind == v1alpha1.KindSegmentationProfile {
		var obj v1alpha1.SegmentationProfile
		if err = reader.Get(ctx, name, &obj); err == nil {
			return snapshot.FromSegmentationProfile(&obj), true, nil
		}
	} else {
		var obj v1alpha1.ClusterSegmentationProfile
		if err = reader.Get(ctx, name, &obj); err == nil {
			return fromCluster(&obj), true, nil
		}
	}
	if apierrors.IsNotFound(err) {
		return p, false, nil
	}
	return p, false, fmt.Errorf("read %s: %w", key, err)
}

// refreshDoubtful reads each profile of a snapshot anew about which there is a doubt: the API server itself has shown a later generation,
// or the policies raise it. They may have been written for a later generation than the cache shows: what an earlier leader
// wrote for a newer profile must not be reverted from an older one. Or they lost their owner: the garbage collector takes it
// away when the profile is deleted with the wish that they stay, and giving it back then would make the garbage collector
// delete them. One that cannot be read anew stays as the cache shows it, with the doubt.
func (r *Reader) refreshDoubtful(ctx context.Context, s snapshot.Snapshot) Doubts {
	doubts := Doubts{}
	for i, p := range s.Profiles {
		outdated := r.confirmed.isOutdated(p) && r.concerns(p, s)
		if !outdated && !stampedLater(p, s.Policies) && !lostOwner(p, s.Policies) {
			continue
		}
		live, err := r.readLive(ctx, p)
		if err != nil {
			doubts[p.Key] = err
			continue
		}
		s.Profiles[i] = live
	}
	return doubts
}

// concerns says whether a profile that is outdated applies to a namespace, in the version that the cache shows or in a later
// one, or left something there.
func (r *Reader) concerns(p snapshot.Profile, s snapshot.Snapshot) bool {
	selects, err := p.Selects(s.Namespace)
	return selects || err != nil || r.confirmed.selects(p, s.Namespace) || slices.ContainsFunc(s.Policies, func(policy *networkingv1.NetworkPolicy) bool {
		key, _, ok := plan.Owner(policy)
		return ok && key == p.Key || policy.Annotations[v1alpha1.AnnotationProfileUID] == string(p.UID)
	})
}

// lostOwner says whether a policy of a profile that owns its policies has no owner.
func lostOwner(p snapshot.Profile, live []*networkingv1.NetworkPolicy) bool {
	return !p.Retains() && slices.ContainsFunc(live, func(policy *networkingv1.NetworkPolicy) bool {
		return !plan.IsOwned(policy) && policy.Annotations[v1alpha1.AnnotationProfileUID] == string(p.UID)
	})
}

func stampedLater(p snapshot.Profile, live []*networkingv1.NetworkPolicy) bool {
	for _, policy := range live {
		if key, uid, ok := plan.Owner(policy); !ok || key != p.Key || uid != p.UID {
			continue
		}
		stamp, err := strconv.ParseInt(policy.Annotations[v1alpha1.AnnotationProfileGeneration], 10, 64)
		if err == nil && stamp > p.Generation {
			return true
		}
	}
	return false
}

// Gone returns an output that removes, or releases, for each profile that has something of that here and was deleted.
// Deleted returns, of a profile whose deletion was seen, what it was at last; that it does not exist any more is asked of
// the API server itself. A policy whose owner was never seen may be anybody's, and is left to the garbage collector. To the
// doubts it adds those about profiles that exist, which the cache does not show yet, or that cannot be asked for.
func (r *Reader) Gone(ctx context.Context, s snapshot.Snapshot, deleted func(snapshot.ProfileKey, types.UID) (snapshot.Profile, bool), doubts Doubts) []compiler.Output {
	if s.Options.PreviewOnly {
		return nil
	}
	known := map[snapshot.ProfileKey]bool{}
	for _, p := range s.Profiles {
		known[p.Key] = true
	}
	var out []compiler.Output
	for _, policy := range s.Policies {
		key, uid, ok := plan.Owner(policy)
		if !ok || known[key] {
			continue
		}
		former, wasDeleted := deleted(key, uid)
		if !wasDeleted || (former.Retains() && !plan.IsOwned(policy)) {
			continue
		}
		known[key] = true
		_, exists, err := r.askFor(ctx, key)
		if exists {
			err = fmt.Errorf("%s: %w", key, plan.ErrUnconfirmed)
		}
		doubts[key] = err
		out = append(out, compiler.Output{Profile: former, Disposition: compiler.Parting(former)})
	}
	return out
}
