package main

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/watch"
)

// hole opens the default deny, as somebody in a hurry would, and shows it closed again.
func (d *demo) hole(ctx context.Context) error {
	observer, policies, err := d.observe(ctx)
	if err != nil {
		return err
	}
	defer observer.stop()
	deny, err := policyOf(policies, denyTier)
	if err != nil {
		return err
	}
	d.say("An empty egress rule in the default deny lets every pod of the namespace out to everywhere. " +
		"A watch on the policies takes the time.")
	if _, err := d.kubectl(ctx, "patch", "networkpolicy", deny.Name, "-n", namespace, "--type=merge",
		"-p", `{"spec":{"egress":[{}]}}`); err != nil {
		return err
	}
	opened, err := observer.next(ctx)
	if err != nil {
		return err
	}
	closed, err := observer.next(ctx)
	if err != nil {
		return err
	}
	if len(opened.policy.Spec.Egress) != 1 || closed.policy.UID != deny.UID ||
		!equality.Semantic.DeepEqual(closed.policy.Spec, deny.Spec) {
		return errors.New("the first change is not the hole, or the second does not close it")
	}
	d.proved("Firebreak closed the hole after %s.", milliseconds(closed.at.Sub(opened.at)))
	spec, err := d.kubectl(ctx, "get", "networkpolicy", deny.Name, "-n", namespace, "-o", "jsonpath={.spec}")
	if err != nil {
		return err
	}
	if spec != `{"podSelector":{},"policyTypes":["Ingress","Egress"]}` {
		return errors.New("the default deny is not what it was")
	}
	return nil
}

// deletion deletes a policy and shows it back.
func (d *demo) deletion(ctx context.Context) error {
	observer, policies, err := d.observe(ctx)
	if err != nil {
		return err
	}
	defer observer.stop()
	database, err := policyOf(policies, "database")
	if err != nil {
		return err
	}
	if _, err := d.kubectl(ctx, "delete", "networkpolicy", database.Name, "-n", namespace); err != nil {
		return err
	}
	// These two are all that happens, so the default deny stands in between.
	gone, err := observer.next(ctx)
	if err != nil {
		return err
	}
	back, err := observer.next(ctx)
	if err != nil {
		return err
	}
	if gone.kind != watch.Deleted || gone.policy.UID != database.UID || back.kind != watch.Added ||
		back.policy.Name != database.Name || !equality.Semantic.DeepEqual(back.policy.Spec, database.Spec) {
		return errors.New("the first change is not the deletion, or the second does not undo it")
	}
	d.proved("Firebreak wrote it again after %s. In between, the default deny kept the database closed.",
		milliseconds(back.at.Sub(gone.at)))
	_, err = d.kubectl(ctx, "get", "networkpolicy", "-n", namespace)
	return err
}

// traces shows where the corrections are reported.
func (d *demo) traces(ctx context.Context) error {
	d.say("Status is written at most once a second; DRIFT counts the corrections.")
	if _, err := d.kubectl(ctx, "wait", "--for=jsonpath={.status.drift.corrections}=2", "--timeout=30s",
		"segp/shop", "-n", namespace); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"get", "segp", "-n", namespace},
		{"get", "segp", "shop", "-n", namespace, "-o", "go-template=" +
			`{{range $name, $value := .status.drift}}{{printf "%-12s %v\n" $name $value}}{{end}}`},
	} {
		if _, err := d.kubectl(ctx, args...); err != nil {
			return err
		}
	}
	if err := d.untilEvents(ctx, 2); err != nil {
		return err
	}
	events, err := d.kubectl(ctx, "events", "-n", namespace, "--for=segmentationprofile/shop", "--types=Warning")
	if err != nil {
		return err
	}
	return expect(events, "DriftCorrected", "1 egress rule added", "deleted")
}

func milliseconds(d time.Duration) string { return d.Round(time.Millisecond).String() }
