package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// billing is the profile of a second team, in a namespace of the same name.
const billing = `apiVersion: firebreak.dev/v1alpha1
kind: SegmentationProfile
metadata: {name: billing, namespace: billing}
spec:
  mode: Preview
  tiers:
  - name: api
    podSelector: {matchLabels: {tier: api}}
    ports: [{port: 8443}]
  - name: database
    podSelector: {matchLabels: {tier: database}}
    ports: [{port: 5432}]
    dns: None
  allow:
  - name: api-uses-database
    from: [{tier: api}]
    to: [{tier: database}]
`

const (
	// workerLoses is the line of a preview that tells the second team what it forgot.
	workerLoses = "would cut: Deployment legacy-worker -> tier database TCP/5432\n"
	// cutsOfWorker lists what a preview would cut of what the worker opens.
	cutsOfWorker = `go-template={{range .status.preview.connections.cuts}}{{if eq .from "Deployment legacy-worker" "tier worker"}}` +
		`would cut: {{.from}} -> {{.to}} {{.ports}}{{"\n"}}{{end}}{{end}}`
	// halfOpenFindings lists where one end is missing.
	halfOpenFindings = `go-template={{range .status.findings}}{{if eq .code "HalfOpen"}}{{.severity}} {{.code}}: {{.message}}{{"\n"}}{{end}}{{end}}`
)

// preview shows which connections a profile would cut, before it does, and enforces it when it has been mended.
func (d *demo) preview(ctx context.Context) error {
	if err := d.createNamespace(ctx, "billing"); err != nil {
		return err
	}
	if err := d.runPods(ctx,
		workload{"billing", "api", "tier=api", 8443, []string{"10.244.0.20"}},
		workload{"billing", "database", "tier=database", 5432, []string{"10.244.0.21"}},
		workload{"billing", "legacy-worker", "app=legacy-worker", 0, []string{"10.244.0.22"}},
	); err != nil {
		return err
	}
	d.say("A second team writes a profile for what it runs already. In mode Preview a profile writes nothing and says what it would do.")
	if _, err := d.kubectl(ctx, "get", "pods", "-n", "billing"); err != nil {
		return err
	}
	if err := d.apply(ctx, billing); err != nil {
		return err
	}
	if err := d.showBilling(ctx); err != nil {
		return err
	}
	d.say("Nobody thought of the worker. These connections of it are possible now, and would not be:")
	cuts, err := d.kubectl(ctx, "get", "segp", "billing", "-n", "billing", "-o", cutsOfWorker)
	if err != nil {
		return err
	}
	none, err := d.kubectl(ctx, "get", "networkpolicy", "-n", "billing")
	if err != nil {
		return err
	}
	if !strings.Contains(cuts, workerLoses) || none != "" {
		return errors.New("the preview does not say that the worker would lose the database, or something was written")
	}
	d.proved("Nothing is written. That the worker needs the database, only the team can know; it adds a tier and an entry.")
	return d.mendAndEnforce(ctx)
}

// mendAndEnforce gives the worker a tier, sees that the preview leaves it the database, and enforces the profile.
func (d *demo) mendAndEnforce(ctx context.Context) error {
	if _, err := d.kubectl(ctx, "patch", "segp", "billing", "-n", "billing", "--type=json",
		"-p", `[{op: add, path: /spec/tiers/-, value: {name: worker, podSelector: {matchLabels: {app: legacy-worker}}}},`+
			`{op: add, path: /spec/allow/-, value: {name: worker-uses-database, from: [{tier: worker}], to: [{tier: database}]}}]`); err != nil {
		return err
	}
	if err := d.showBilling(ctx); err != nil {
		return err
	}
	cuts, err := d.kubectl(ctx, "get", "segp", "billing", "-n", "billing", "-o", cutsOfWorker)
	if err != nil {
		return err
	}
	if strings.Contains(cuts, "tier database") || !strings.Contains(cuts, "tier worker") {
		return errors.New("the preview still cuts the worker off from the database, or says nothing of the worker")
	}
	d.proved("The database is not among them any more. Now the profile may act.")
	if _, err := d.kubectl(ctx, "patch", "segp", "billing", "-n", "billing", "--type=merge", "-p", `{"spec":{"mode":"Enforce"}}`); err != nil {
		return err
	}
	if _, err := d.kubectl(ctx, "wait", "--for=condition=Isolated", "--timeout=30s", "segp/billing", "-n", "billing"); err != nil {
		return err
	}
	return d.showBilling(ctx)
}

// showBilling waits until the profile of the second team is ready for the generation that it has, and shows it.
func (d *demo) showBilling(ctx context.Context) error {
	for _, args := range [][]string{
		{"wait", "--for=condition=Ready", "--timeout=30s", "segp/billing", "-n", "billing"},
		{"get", "segp", "-n", "billing", "-o", "wide"},
	} {
		if _, err := d.kubectl(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// halfOpen lets one team allow a connection that the other does not, and has the other add the line that it is given.
func (d *demo) halfOpen(ctx context.Context) error {
	d.say("The shop is to call the second team's api. Its profile can open its own end, and no other.")
	if _, err := d.kubectl(ctx, "patch", "segp", "shop", "-n", namespace, "--type=json",
		"-p", `[{op: add, path: /spec/allow/-, value: {name: api-calls-billing, from: [{tier: api}], `+
			`to: [{remoteTier: {namespace: billing, profile: billing, tier: api}}]}}]`); err != nil {
		return err
	}
	if _, err := d.kubectl(ctx, "wait", "--for=jsonpath={.status.findings[0].code}=HalfOpen", "--timeout=30s", "segp/shop", "-n", namespace); err != nil {
		return err
	}
	finding, err := d.kubectl(ctx, "get", "segp", "shop", "-n", namespace, "-o", halfOpenFindings)
	if err != nil {
		return err
	}
	const offer = "add to allow of SegmentationProfile billing/billing: "
	_, line, offered := strings.Cut(strings.TrimSuffix(finding, ".\n"), offer)
	if !offered {
		return errors.New("the finding offers no line for the other profile")
	}
	profile, err := d.watchProfile(ctx)
	if err != nil {
		return err
	}
	defer profile.Stop()
	d.say("The finding names the line that is missing, and where. The second team agrees, and adds it as it is.")
	if _, err := d.kubectl(ctx, "patch", "segp", "billing", "-n", "billing", "--type=json",
		"-p", "[{op: add, path: /spec/allow/-, value: "+line+"}]"); err != nil {
		return err
	}
	if err := untilProfile(ctx, profile, "the finding to go", isWholeOpen); err != nil {
		return err
	}
	d.proved("The finding is gone: both ends are open now.")
	return nil
}

// isWholeOpen says whether no finding of a profile is about an end that is missing.
func isWholeOpen(p *v1alpha1.SegmentationProfile) bool {
	return !slices.ContainsFunc(p.Status.Findings, func(f v1alpha1.Finding) bool { return f.Code == v1alpha1.CodeHalfOpen })
}
