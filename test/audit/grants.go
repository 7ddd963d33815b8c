package audit

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// Files of the operator's own roles, from the root of the repository: what it may do in the whole cluster, and what in its own
// namespace.
const (
	ClusterRole = "config/rbac/role.yaml"
	Role        = "config/rbac/leader_election_role.yaml"
)

// Grant is one thing that RBAC allows: a verb on a resource, which may be a "resource/subresource", of an API group, which is
// empty for the core group.
type Grant struct {
	Group, Resource, Verb string
}

// String returns a grant as people speak of it, such as "patch events.events.k8s.io".
func (g Grant) String() string {
	if g.Group == "" {
		return g.Verb + " " + g.Resource
	}
	return g.Verb + " " + g.Resource + "." + g.Group
}

// Compare orders grants by group, resource and verb, as functions of package slices ask for.
func (g Grant) Compare(h Grant) int {
	return cmp.Or(cmp.Compare(g.Group, h.Group), cmp.Compare(g.Resource, h.Resource), cmp.Compare(g.Verb, h.Verb))
}

// Granted lists what a role, or a ClusterRole, in a file under root allows, each grant once, in order. A rule that cannot be
// said in grants, for URLs or for objects by name, is an error, and so is a field that RBAC does not have.
func Granted(root, file string) ([]Grant, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return nil, fmt.Errorf("read a role: %w", err)
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(text, &role); err != nil {
		return nil, fmt.Errorf("read the role in %s: %w", file, err)
	}
	var out []Grant
	for _, rule := range role.Rules {
		if len(rule.NonResourceURLs)+len(rule.ResourceNames) > 0 {
			return nil, fmt.Errorf("read the role in %s: a rule for URLs or for objects by name: %v", file, rule)
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					out = append(out, Grant{group, resource, verb})
				}
			}
		}
	}
	slices.SortFunc(out, Grant.Compare)
	return slices.Compact(out), nil
}

// Shipped lists all that the shipped roles allow the operator, anywhere, as Granted does.
func Shipped(root string) ([]Grant, error) {
	var out []Grant
	for _, file := range []string{ClusterRole, Role} {
		grants, err := Granted(root, file)
		if err != nil {
			return nil, err
		}
		out = append(out, grants...)
	}
	slices.SortFunc(out, Grant.Compare)
	return slices.Compact(out), nil
}
