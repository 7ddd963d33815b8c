package main

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/watch"
)

// everywhere is a cluster profile that only looks.
const everywhere = `apiVersion: firebreak.dev/v1alpha1
kind: ClusterSegmentationProfile
metadata:
  name: baseline
spec:
  mode: Preview
  namespaceSelector: {}            # every namespace but the protected ones
  tiers:
  - name: workloads
    podSelector: {}
`

// mistake misspells a tier in the profile.
func (d *demo) mistake(ctx context.Context) error {
	before, err := d.versions(ctx)
	if err != nil {
		return err
	}
	d.say("A tier misspelt in an allow entry: nothing would be open where something should be. The API server itself " +
		"refuses it, by rules in the CRD; no webhook can be down.")
	err = d.kubectlRefused(ctx, []string{"is invalid", "api-uses-database", "databse"},
		"patch", "segp", "shop", "-n", namespace, "--type=json",
		"-p", `[{"op":"replace","path":"/spec/allow/2/to/0/tier","value":"databse"}]`)
	if err != nil {
		return err
	}
	if _, err := d.kubectl(ctx, "get", "segp", "-n", namespace); err != nil {
		return err
	}
	after, err := d.versions(ctx)
	if err != nil {
		return err
	}
	if before != after {
		return errors.New("the policies changed")
	}
	d.proved("The profile and its four policies are what they were.")
	return nil
}

// versions identifies the state of all policies of the namespace.
func (d *demo) versions(ctx context.Context) (string, error) {
	policies, err := d.livePolicies(ctx)
	if err != nil {
		return "", err
	}
	versions := ""
	for _, p := range policies {
		versions += fmt.Sprintf("%s %s %s\n", p.Name, p.UID, p.ResourceVersion)
	}
	return versions, nil
}

// baseline shows a profile over many namespaces that writes nothing.
func (d *demo) baseline(ctx context.Context) error {
	d.say("The platform team thinks of closing every namespace.")
	if err := d.apply(ctx, everywhere); err != nil {
		return err
	}
	if _, err := d.kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=30s", "csegp/baseline"); err != nil {
		return err
	}
	wide, err := d.kubectl(ctx, "get", "csegp", "-o", "wide")
	if err != nil {
		return err
	}
	if err := expect(wide, "Preview", "would create 10, update 0 and delete 0 policies in 5 namespaces, cut"); err != nil {
		return err
	}
	findings, err := d.kubectl(ctx, "get", "csegp", "baseline", "-o", "go-template="+
		`{{range .status.findings}}{{.severity}} {{.code}}: {{.message}}{{"\n"}}{{end}}`)
	if err != nil {
		return err
	}
	if err := expect(findings, "Info ProtectedNamespace", "kube-system"); err != nil {
		return err
	}
	none, err := d.kubectl(ctx, "get", "networkpolicy", "-A", "-l", "firebreak.dev/profile=baseline")
	if err != nil {
		return err
	}
	if none != "" {
		return errors.New("a preview wrote a policy")
	}
	_, err = d.kubectl(ctx, "delete", "csegp", "baseline")
	return err
}

// farewell deletes the profile.
func (d *demo) farewell(ctx context.Context) error {
	observer, policies, err := d.observe(ctx)
	if err != nil {
		return err
	}
	defer observer.stop()
	if _, err := d.kubectl(ctx, "delete", "segp", "shop", "-n", namespace); err != nil {
		return err
	}
	var last observation
	for i := range policies {
		if last, err = observer.next(ctx); err != nil {
			return err
		}
		if last.kind != watch.Deleted {
			return fmt.Errorf("%s was not deleted but changed", last.policy.Name)
		}
		if first := last.policy.Labels[tierLabel]; i == 0 && first != denyTier {
			return fmt.Errorf("the policy of %s went before the default deny", first)
		}
	}
	none, err := d.kubectl(ctx, "get", "networkpolicy", "-n", namespace)
	if err != nil {
		return err
	}
	if none != "" {
		return errors.New("there are policies left")
	}
	d.proved("The default deny went first and the tiers' policies after it, so that no pod was cut off on the way.")
	return nil
}
