package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// namespace is where the sample's application lives.
	namespace = "production"
	// sample is the profile that the demo applies, relative to the repository.
	sample = "config/samples/three-tier.yaml"
	// tierLabel is the label of a policy that says which tier it isolates.
	tierLabel = "firebreak.dev/tier"
	// denyTier stands in that label for the policy that denies everything else.
	denyTier = "default-deny"
)

// install installs Firebreak as on any cluster, and runs the operator, which here nothing else would.
func (d *demo) install(ctx context.Context) error {
	if _, err := d.kubectl(ctx, "apply", "--server-side", "-k", "config/default"); err != nil {
		return err
	}
	if _, err := d.kubectl(ctx, "wait", "--for=condition=Established", "--timeout=30s", "crd/segmentationprofiles.firebreak.dev",
		"crd/clustersegmentationprofiles.firebreak.dev"); err != nil {
		return err
	}
	d.say("Without nodes the Deployment cannot run, so the demo runs the same program itself, as the ServiceAccount " +
		"firebreak-controller-manager with just the rights installed above.")
	fmt.Fprintln(d.out)
	return d.startManager(ctx)
}

// application shows the pods before any policy is there.
func (d *demo) application(ctx context.Context) error {
	if err := d.populate(ctx); err != nil {
		return err
	}
	d.say("A shop of three tiers. A Kubernetes namespace without policies lets every pod talk to every other, and to the world.")
	pods, err := d.kubectl(ctx, "get", "pods", "-n", namespace, "-L", "tier")
	if err != nil {
		return err
	}
	if err := expect(pods, "frontend-1", "api-1", "database-1", "Running"); err != nil {
		return err
	}
	none, err := d.kubectl(ctx, "get", "networkpolicy", "-n", namespace)
	if err == nil && none != "" {
		err = errors.New("there is a policy before there is a profile")
	}
	return err
}

// profile applies the sample and shows what its status says.
func (d *demo) profile(ctx context.Context) error {
	content, err := os.ReadFile(filepath.Join(d.plane.Root(), sample))
	if err != nil {
		return err
	}
	d.say("The team writes down its tiers and who may talk to whom. Everything else is denied, both ways.")
	d.command("cat", sample)
	d.output(string(content))
	d.say("What does that come to? The kubectl plugin draws it, from the file alone.")
	drawn, err := d.kubectl(ctx, "firebreak", "map", "-f", sample)
	if err != nil {
		return err
	}
	if err := expect(drawn, "tier database", "api-uses-database", "All else is denied"); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"apply", "-f", sample},
		{"wait", "--for=condition=Ready", "--timeout=30s", "segp/shop", "-n", namespace},
		{"wait", "--for=condition=Isolated", "--timeout=30s", "segp/shop", "-n", namespace},
	} {
		if _, err := d.kubectl(ctx, args...); err != nil {
			return err
		}
	}
	columns, err := d.kubectl(ctx, "get", "segp", "-n", namespace)
	if err != nil {
		return err
	}
	if err := expect(columns, "Enforce", "True", "4"); err != nil {
		return err
	}
	if _, err := d.kubectl(ctx, "get", "segp", "-n", namespace, "-o", "wide"); err != nil {
		return err
	}
	d.say("Its conditions, one a line:")
	conditions, err := d.kubectl(ctx, "get", "segp", "shop", "-n", namespace, "-o", "go-template="+
		`{{range .status.conditions}}{{printf "%-13s%-9s%s\n" .type .status .message}}{{end}}`)
	if err != nil {
		return err
	}
	return expect(conditions, "Ready        True", "Accepted     True", "ResolvedRefs True", "Covered      True", "Isolated     True")
}

// policies shows what Firebreak wrote, and one policy in full.
func (d *demo) policies(ctx context.Context) error {
	d.say("One policy a tier, which isolates it and carries what is open to it, and one that denies the rest.")
	if _, err := d.kubectl(ctx, "get", "networkpolicy", "-n", namespace); err != nil {
		return err
	}
	policies, err := d.livePolicies(ctx)
	if err != nil {
		return err
	}
	if len(policies) != 4 {
		return fmt.Errorf("there are %d policies, not 4", len(policies))
	}
	database, err := policyOf(policies, "database")
	if err != nil {
		return err
	}
	d.say("The database's in full. It accepts the api tier on its port and connects to nobody, not even DNS.")
	if _, err := d.kubectl(ctx, "get", "networkpolicy", database.Name, "-n", namespace, "-o", "yaml"); err != nil {
		return err
	}
	if len(database.Spec.Egress) > 0 || len(database.Spec.Ingress) != 1 ||
		!slices.Contains(database.Spec.PolicyTypes, networkingv1.PolicyTypeEgress) {
		return errors.New("the database's policy is not what was said")
	}
	d.proved("Type Egress without an egress rule: no way out. The api tier's end of that connection is open, too: " +
		"one entry writes both ends.")
	api, err := policyOf(policies, "api")
	if err != nil {
		return err
	}
	return expect(api.Annotations["firebreak.dev/purpose"], "api-uses-database: connects to tier database on TCP 5432.")
}

// livePolicies returns the policies of the namespace.
func (d *demo) livePolicies(ctx context.Context) ([]networkingv1.NetworkPolicy, error) {
	list, err := d.client.NetworkingV1().NetworkPolicies(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	return list.Items, nil
}

// policyOf returns the policy of a tier.
func policyOf(policies []networkingv1.NetworkPolicy, tier string) (*networkingv1.NetworkPolicy, error) {
	i := slices.IndexFunc(policies, func(p networkingv1.NetworkPolicy) bool { return p.Labels[tierLabel] == tier })
	if i < 0 {
		return nil, fmt.Errorf("there is no policy of tier %s", tier)
	}
	return &policies[i], nil
}
