package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// allowAll is what somebody in a hurry finds on the internet.
const allowAll = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: allow-all, namespace: production}
spec:
  podSelector: {}
  ingress: [{}]
`

// foreign adds a policy that is not Firebreak's, and shows what the profile says of it.
func (d *demo) foreign(ctx context.Context) error {
	d.say("NetworkPolicies only add to each other. So a policy of somebody else's opens what the profile closes, and Firebreak, " +
		"which never touches it, must say so.")
	took, err := d.untilIsolated(ctx, metav1.ConditionFalse, func() error { return d.apply(ctx, allowAll) })
	if err != nil {
		return err
	}
	columns, err := d.kubectl(ctx, "get", "segp", "-n", namespace)
	if err != nil {
		return err
	}
	status, err := d.kubectl(ctx, "firebreak", "status", "-n", namespace)
	if err != nil {
		return err
	}
	if err := errors.Join(expect(columns, "False"), expect(status, "segp/shop", "not isolated", "allow-all in production")); err != nil {
		return err
	}
	d.proved("The profile said so %s after the policy was there.", milliseconds(took))
	d.say("May the frontend reach the database now? A connection needs both ends.")
	answer, err := d.kubectl(ctx, "firebreak", "explain", "pod/frontend-1", "pod/database-1:5432", "-n", namespace)
	if err != nil {
		return err
	}
	if err := expect(answer, "DENIED", "allow-all", "SegmentationProfile production/shop"); err != nil {
		return err
	}
	took, err = d.untilIsolated(ctx, metav1.ConditionTrue, func() error {
		_, err := d.kubectl(ctx, "delete", "networkpolicy", "allow-all", "-n", namespace)
		return err
	})
	if err != nil {
		return err
	}
	if _, err := d.kubectl(ctx, "get", "segp", "-n", namespace); err != nil {
		return err
	}
	d.proved("Isolated again, %s after it was gone.", milliseconds(took))
	return nil
}

// untilIsolated makes one change to the policies of the namespace, waits until the profile's condition has the status, and returns
// how long after the change that was.
func (d *demo) untilIsolated(ctx context.Context, status metav1.ConditionStatus, change func() error) (time.Duration, error) {
	policies, _, err := d.observe(ctx)
	if err != nil {
		return 0, err
	}
	defer policies.stop()
	profile, err := d.watchProfile(ctx)
	if err != nil {
		return 0, err
	}
	defer profile.Stop()
	if err := change(); err != nil {
		return 0, err
	}
	changed, err := policies.next(ctx)
	if err != nil {
		return 0, err
	}
	err = untilProfile(ctx, profile, "Isolated to be "+string(status), func(shop *v1alpha1.SegmentationProfile) bool {
		return meta.IsStatusConditionPresentAndEqual(shop.Status.Conditions, v1alpha1.ConditionIsolated, status)
	})
	return time.Since(changed.at), err
}

// untilProfile waits until a profile that is watched is as it should be.
func untilProfile(ctx context.Context, profile watch.Interface, what string, holds func(*v1alpha1.SegmentationProfile) bool) error {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case event, ok := <-profile.ResultChan():
			if !ok {
				return fmt.Errorf("wait for %s: the watch ended", what)
			}
			if p, isProfile := event.Object.(*v1alpha1.SegmentationProfile); isProfile && holds(p) {
				return nil
			}
		}
	}
}

// watchProfile watches the profiles of the namespace, of which there is one, from its present state on.
func (d *demo) watchProfile(ctx context.Context) (watch.Interface, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	c, err := client.NewWithWatch(d.plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("watch profiles: %w", err)
	}
	w, err := c.Watch(ctx, &v1alpha1.SegmentationProfileList{}, client.InNamespace(namespace))
	if err != nil {
		return nil, fmt.Errorf("watch profiles: %w", err)
	}
	return w, nil
}
