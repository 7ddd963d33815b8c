package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/bench/figures"
	"firebreak.dev/firebreak/test/bench/rounds"
)

const (
	// atOnce is how many requests the bench itself makes side by side.
	atOnce = 16
	// rolledOutWithin is how long a roll-out, or its undoing, may take before something is wrong.
	rolledOutWithin = 10 * time.Minute
	// policiesEach is how many policies the profile has in each namespace: of three tiers, and one that denies by default.
	policiesEach = 4
	// profileName is the name of the profile that is rolled out.
	profileName = "rollout"
	// selected is the label of the namespaces that are rolled out to.
	selected = "bench"
)

// rollOutSpec is the spec of the profile that is rolled out.
const rollOutSpec = `
namespaceSelector: {matchLabels: {bench: "yes"}}
dns: None
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}
- {name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 8080}]}
- {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}
allow:
- {name: users, from: [{pods: {namespaces: [ingress]}}], to: [{tier: web}]}
- {name: orders, from: [{tier: web}], to: [{tier: api}]}
- {name: storage, from: [{tier: api}], to: [{tier: db}]}`

// ours selects the policies of the profile.
func ours() client.MatchingLabels { return client.MatchingLabels{v1alpha1.LabelProfile: profileName} }

// rollOut is one cluster profile for many namespaces, and the same policies created without Firebreak.
type rollOut struct {
	*place
	namespaces []string
	// policies is the file with what the bare client creates.
	policies string
	// statusRate is, of each roll-out, how many writes of the profile's status there were in a second, after the first.
	statusRate []float64
}

// rollOuts compares roll-outs at two sizes.
func (b *bench) rollOuts(ctx context.Context) ([]figures.Figure, error) {
	var out []figures.Figure
	var compared []rounds.Comparison
	// What is over sooner is done more often in a turn, so that chance decides no more.
	for _, to := range []struct{ size, repeated int }{{1000, 3}, {5000, 1}} {
		c, rate, err := b.rollOutTo(ctx, b.of(to.size), to.repeated)
		if err != nil {
			return out, err
		}
		compared = append(compared, c)
		out = append(out, ratio(fmt.Sprintf("roll-out-%d", to.size), c))
		if to.size == 1000 {
			out = append(out, figures.Figure{ID: "roll-out-status", Value: slices.Max(rate), Detail: fmt.Sprintf("the most of %d roll-outs", len(rate))})
		}
	}
	return append(out, growth("roll-out-growth", compared[0].Ratio(), compared[1].Ratio(), math.Abs(compared[1].Ratio()-compared[0].Ratio()), compared...)), nil
}

func (b *bench) rollOutTo(ctx context.Context, size, repeated int) (c rounds.Comparison, statusRate []float64, err error) {
	b.say("Rolling out to %d namespaces", size)
	err = b.at(ctx, placeOptions{}, func(ctx context.Context, p *place) error {
		r, err := p.newRollOut(ctx, size)
		if err != nil {
			return err
		}
		r.statusRate = nil
		c, err = rounds.Compare(ctx, b.rounds, rounds.Repeated(repeated, r.byBare), rounds.Repeated(repeated, r.byFirebreak), b.tell)
		statusRate = r.statusRate
		return err
	})
	return c, statusRate, err
}

// standing does something at a place of its own where the profile is rolled out already.
func (b *bench) standing(ctx context.Context, o placeOptions, size int, do func(context.Context, *rollOut) error) error {
	return b.at(ctx, o, func(ctx context.Context, p *place) error {
		r, err := p.newRollOut(ctx, size)
		if err != nil {
			return err
		}
		if _, err := r.newDrift(ctx, 0, 0); err != nil {
			return err
		}
		return do(ctx, r)
	})
}

// newRollOut makes the namespaces, and keeps what the operator writes there.
func (p *place) newRollOut(ctx context.Context, size int) (*rollOut, error) {
	r := &rollOut{place: p, policies: filepath.Join(p.dir, fmt.Sprintf("policies-%d.json", size))}
	for i := range size {
		r.namespaces = append(r.namespaces, fmt.Sprintf("%s-%d", selected, i))
	}
	err := r.each(ctx, func(ctx context.Context, namespace string) error {
		err := p.admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{selected: "yes"}}})
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make %d namespaces: %w", size, err)
	}
	return r, r.withOperator(ctx, func(ctx context.Context) error {
		_, err := r.declare(ctx, profileName, v1alpha1.ModeEnforce, r.keep)
		return err
	})
}

// each does something for each namespace, some at a time.
func (r *rollOut) each(ctx context.Context, do func(ctx context.Context, namespace string) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, namespace := range r.namespaces {
		group.Go(func() error { return do(ctx, namespace) })
	}
	return group.Wait()
}

// keep writes the policies that are there to the file, as they were when they were created.
func (r *rollOut) keep(ctx context.Context) error {
	var list networkingv1.NetworkPolicyList
	if err := r.admin.List(ctx, &list, ours()); err != nil {
		return fmt.Errorf("list the policies: %w", err)
	}
	if want := policiesEach * len(r.namespaces); len(list.Items) != want {
		return fmt.Errorf("there are %d policies, want %d", len(list.Items), want)
	}
	for i := range list.Items {
		p := &list.Items[i]
		p.ObjectMeta = metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace, Labels: p.Labels, Annotations: p.Annotations, OwnerReferences: p.OwnerReferences}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return os.WriteFile(r.policies, text, 0o600)
}

// byBare lets the bare client create the policies.
func (r *rollOut) byBare(ctx context.Context) ([]time.Duration, error) {
	bare, err := r.startBare(ctx, "create", "-policies="+r.policies)
	if err != nil {
		return nil, err
	}
	took, err := bare.finish()
	if err != nil {
		return nil, err
	}
	return []time.Duration{took}, r.each(ctx, func(ctx context.Context, namespace string) error {
		return r.admin.DeleteAllOf(ctx, &networkingv1.NetworkPolicy{}, client.InNamespace(namespace))
	})
}

// byFirebreak creates the profile and returns how long it takes until it is ready.
func (r *rollOut) byFirebreak(ctx context.Context) (took []time.Duration, err error) {
	err = r.withOperator(ctx, func(ctx context.Context) error {
		ready, err := r.declare(ctx, profileName, v1alpha1.ModeEnforce, r.isWhole)
		took = []time.Duration{ready}
		return err
	})
	return took, err
}

// withOperator does something while an operator runs that has looked at all namespaces.
func (r *rollOut) withOperator(ctx context.Context, do func(context.Context) error) (err error) {
	manager, err := r.startOperator(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()
	if _, err := r.declare(ctx, "rehearsal", v1alpha1.ModePreview, nothing); err != nil {
		return fmt.Errorf("wait until the operator has looked at every namespace: %w", err)
	}
	return r.shown.while(ctx, manager, do)
}

func nothing(context.Context) error { return nil }

// declare is create and, after something else, remove.
func (r *rollOut) declare(ctx context.Context, name string, mode v1alpha1.Mode, then func(context.Context) error) (time.Duration, error) {
	profile, took, err := r.create(ctx, name, mode)
	if err != nil {
		return 0, err
	}
	if err := then(ctx); err != nil {
		return 0, err
	}
	return took, r.remove(ctx, profile)
}

// create creates a cluster profile for the namespaces, and returns how long it takes until it is ready.
func (r *rollOut) create(ctx context.Context, name string, mode v1alpha1.Mode) (*v1alpha1.ClusterSegmentationProfile, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, rolledOutWithin)
	defer cancel()
	profile := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := yaml.UnmarshalStrict([]byte(rollOutSpec), &profile.Spec); err != nil {
		return nil, 0, err
	}
	profile.Spec.Mode = mode
	events, err := r.admin.Watch(ctx, &v1alpha1.ClusterSegmentationProfileList{}, client.MatchingFields{"metadata.name": name})
	if err != nil {
		return nil, 0, err
	}
	defer events.Stop()
	began := time.Now()
	if err := r.admin.Create(ctx, profile); err != nil {
		return nil, 0, err
	}
	var status v1alpha1.ProfileStatus
	var written int
	for event := range events.ResultChan() {
		p, ok := event.Object.(*v1alpha1.ClusterSegmentationProfile)
		if !ok || equality.Semantic.DeepEqual(p.Status, status) {
			continue
		}
		status = p.Status
		written++
		if took := time.Since(began); meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) {
			if mode == v1alpha1.ModeEnforce {
				r.statusRate = append(r.statusRate, float64(written-1)/took.Seconds())
			}
			return profile, took, nil
		}
	}
	return nil, 0, fmt.Errorf("wait until profile %s is ready: %w", name, ctx.Err())
}

// untilJudged waits until a profile's status says whether its tiers are isolated, which comes after Ready: an operator that is
// stopped before leaves something to write.
func (r *rollOut) untilJudged(ctx context.Context, profile *v1alpha1.ClusterSegmentationProfile) error {
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, rolledOutWithin, true, func(ctx context.Context) (bool, error) {
		if err := r.admin.Get(ctx, client.ObjectKeyFromObject(profile), profile); err != nil {
			return false, err
		}
		isolated := meta.FindStatusCondition(profile.Status.Conditions, v1alpha1.ConditionIsolated)
		return isolated != nil && isolated.Status != metav1.ConditionUnknown, nil
	})
	if err != nil {
		return fmt.Errorf("wait until it is known whether the tiers of profile %s are isolated: %w", profile.Name, err)
	}
	return nil
}

// isWhole returns an error unless every policy is there.
func (r *rollOut) isWhole(ctx context.Context) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("NetworkPolicyList"))
	if err := r.admin.List(ctx, list, ours()); err != nil {
		return err
	}
	if want := policiesEach * len(r.namespaces); len(list.Items) != want {
		return fmt.Errorf("the profile is ready, and there are %d policies, want %d", len(list.Items), want)
	}
	return nil
}

// remove deletes a profile and waits until it is gone, which it is after its policies.
func (r *rollOut) remove(ctx context.Context, profile *v1alpha1.ClusterSegmentationProfile) error {
	ctx, cancel := context.WithTimeout(ctx, rolledOutWithin)
	defer cancel()
	if err := r.admin.Delete(ctx, profile); err != nil {
		return err
	}
	err := wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		err := r.admin.Get(ctx, client.ObjectKeyFromObject(profile), profile)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("wait until profile %s is gone: %w", profile.Name, err)
	}
	return nil
}
