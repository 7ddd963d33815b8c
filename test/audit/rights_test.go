package audit_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/test/audit"
	"firebreak.dev/firebreak/test/harness"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// roles returns every role in config/rbac, that of people included, by file and name.
func roles(t *testing.T) map[string]rbacv1.ClusterRole {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), "config", "rbac", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]rbacv1.ClusterRole{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
			var role rbacv1.ClusterRole
			if err := yaml.Unmarshal(document, &role); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if role.Kind == "Role" || role.Kind == "ClusterRole" {
				out[filepath.Base(file)+" "+role.Name] = role
			}
		}
	}
	return out
}

func TestNoShippedRoleHasAWildcardReadsSecretsOrGivesRights(t *testing.T) {
	all := roles(t)
	if len(all) != 7 {
		t.Errorf("config/rbac has %d roles; this test knows of 7", len(all))
	}
	// Of these, no role needs any verb: they are secret, run something, make tokens, or give rights.
	never := []string{"secrets", "roles", "rolebindings", "clusterroles", "clusterrolebindings", "serviceaccounts", "certificatesigningrequests", "configmaps"}
	for name, role := range all {
		for _, rule := range role.Rules {
			for _, word := range slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs, rule.NonResourceURLs) {
				if strings.Contains(word, "*") {
					t.Errorf("%s has a wildcard: %v", name, rule)
				}
			}
			for _, verb := range []string{"escalate", "bind", "impersonate", "approve", "sign"} {
				if slices.Contains(rule.Verbs, verb) {
					t.Errorf("%s may %s: %v", name, verb, rule)
				}
			}
			for _, resource := range rule.Resources {
				resource, subresource, _ := strings.Cut(resource, "/")
				if slices.Contains(never, resource) || slices.Contains([]string{"exec", "attach", "portforward", "proxy", "token", "ephemeralcontainers"}, subresource) {
					t.Errorf("%s has rights on %s/%s", name, resource, subresource)
				}
			}
		}
	}
}

func TestWhatTheOperatorMayWriteIsPoliciesAndItsOwn(t *testing.T) {
	shipped, err := audit.Shipped(root(t))
	if err != nil {
		t.Fatal(err)
	}
	// What each of these is for is in SECURITY.md.
	ours := []string{"firebreak.dev", "events.k8s.io", "coordination.k8s.io", "authentication.k8s.io", "authorization.k8s.io"}
	for _, g := range shipped {
		reads := slices.Contains([]string{"get", "list", "watch"}, g.Verb)
		policies := g.Group == "networking.k8s.io" && g.Resource == "networkpolicies"
		leaderEvent := g == audit.Grant{Resource: "events", Verb: "create"}
		if !reads && !policies && !leaderEvent && !slices.Contains(ours, g.Group) {
			t.Errorf("the operator may %s", g)
		}
	}
}

func TestARuleThatGrantsCannotSayIsAnError(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{"{nonResourceURLs: [/metrics], verbs: [get]}", "for URLs or for objects by name"},
		{"{apiGroups: [''], resources: [pods], resourceNames: [x], verbs: [get]}", "for URLs or for objects by name"},
		{"{apiGroups: [''], resource: [pods], verbs: [get]}", `unknown field "resource"`},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "role.yaml"), []byte("rules: ["+c.rule+"]"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := audit.Granted(dir, "role.yaml"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.rule, err, c.want)
		}
	}
}
