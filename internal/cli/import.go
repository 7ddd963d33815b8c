package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/enforcement"
	"firebreak.dev/firebreak/internal/importer"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/render"
	"firebreak.dev/firebreak/internal/snapshot"
)

// importCommand is `kubectl firebreak import`.
type importCommand struct {
	*sources
	name   string
	output string
}

func newImportCommand(s *shared) *cobra.Command {
	o := &importCommand{sources: newSources(s)}
	// What is only assumed proves nothing: without it, rules that lead to name servers stay rules.
	o.assumesNothing = true
	cmd := &cobra.Command{
		Use:   "import [POLICY...] [-f FILE | -k DIRECTORY]",
		Short: "Turn NetworkPolicies into a profile that means the same",
		Long: `Turn NetworkPolicies into a profile that means the same: tiers from their podSelectors, allow entries from
their rules, descriptions from their annotations. Each namespace gets a profile of its own.

Nothing is printed that does not mean the same: with the profile in the place of its policies, each pod that
there could be admits the same, from and to everybody. A policy that a profile cannot say is left out, and
named on standard error; it stays what it is beside the profile. Policies that Firebreak wrote are passed over.

Of several namespaces, one that is protected, that has a profile of that name, or of which it cannot be done for
another reason is passed over, and named on standard error.

Exit codes: 0 all is imported; 1 something was left out; 2 it could not be done, or a namespace was passed over.`,
		Example: `  # What would the policies of a namespace be as a profile?
  kubectl firebreak import -n production

  # The same for those in a directory
  kubectl firebreak import -f policies/ >profile.yaml

  # Only some of them, into a profile of this name
  kubectl firebreak import -n production allow-web allow-api --name shop`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	o.addFlags(cmd)
	o.addAllNamespaces(cmd)
	cmd.Flags().StringVar(&o.name, "name", "", "`name` of the profile; that of its namespace when empty")
	addOutput(cmd, &o.output, "yaml", "json")
	return cmd
}

// toImport are the policies of a namespace: those to import, and those that stay beside.
type toImport struct {
	policies, beside []*networkingv1.NetworkPolicy
}

func (o *importCommand) run(ctx context.Context, names []string) error {
	if err := mayBeNamed(o.name); err != nil {
		return err
	}
	r, err := o.read(ctx)
	if err != nil {
		return err
	}
	if err := r.onePolicyOfAName(); err != nil {
		return err
	}
	others := o.noteOtherKinds(r)
	cluster := r.Cluster()
	chosen, err := o.chosen(r, cluster, names)
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		return o.nothingToImport(r)
	}
	if r.Offline {
		fmt.Fprintln(o.streams.ErrOut, "Note: only the files are looked at. What NetworkPolicies close that are in the cluster and not in them, an entry open-ingress or open-egress would open.")
	}
	results, failure := o.importAll(cluster, chosen)
	return o.finish(results, failure, others)
}

// finish prints what was imported, and returns what the exit code is made from. Others are policies of kinds that are not imported.
func (o *importCommand) finish(results []*importer.Result, failure error, others int) error {
	if len(results) == 0 {
		return failure
	}
	if err := o.print(results); err != nil {
		return err
	}
	switch {
	case failure != nil:
		return failure
	case others > 0 || slices.ContainsFunc(results, func(r *importer.Result) bool { return len(r.LeftOut) > 0 }):
		return errNo
	}
	return nil
}

// onePolicyOfAName returns an error where the files have two NetworkPolicies of one name that differ: either may be what is meant.
func (r *reading) onePolicyOfAName() error {
	for _, again := range r.Repeated {
		if again.last.GetKind() == "NetworkPolicy" {
			return fmt.Errorf("NetworkPolicy %s/%s is in %s, and with other content in %s; give one of them",
				again.last.GetNamespace(), again.last.GetName(), again.first.Source, again.last.Source)
		}
	}
	return nil
}

// noteOtherKinds says of which policies in the files nothing can be said, on standard error, and how many they are.
func (o *importCommand) noteOtherKinds(r *reading) int {
	count := 0
	for _, object := range r.Objects {
		kind := object.GroupVersionKind()
		isKnown := func(k enforcement.PolicyKind) bool { return k.Kind == kind.Kind && k.Resource.Group == kind.Group }
		if isOld := kind.Kind == "NetworkPolicy" && !inventory.Matters(kind); !isOld && !slices.ContainsFunc(enforcement.OtherPolicyKinds(), isKnown) {
			continue
		}
		count++
		fmt.Fprintf(o.streams.ErrOut, "%s: %s %s of %s (%s): only NetworkPolicies of networking.k8s.io/v1 are imported. What it alone closes, an entry open-ingress or open-egress may open.\n",
			styleFor(o.streams.ErrOut).Yellow("Left out"), kind.Kind, strings.TrimPrefix(object.GetNamespace()+"/"+object.GetName(), "/"), kind.GroupVersion(), object.Source)
	}
	return count
}

// importAll imports each namespace by itself: of several, those of which it cannot be done are passed over, and the error is errToldWhy.
func (o *importCommand) importAll(cluster *snapshot.Cluster, chosen map[string]*toImport) ([]*importer.Result, error) {
	var results []*importer.Result
	var failure error
	for _, namespace := range slices.Sorted(maps.Keys(chosen)) {
		result, err := o.importFrom(cluster, namespace, chosen[namespace])
		switch {
		case err == nil:
			o.note(namespace, result)
			results = append(results, result)
		case len(chosen) == 1:
			return nil, err
		default:
			fmt.Fprintf(o.streams.ErrOut, "%s: %v\n", styleFor(o.streams.ErrOut).Yellow("Passed over"), err)
			failure = errToldWhy
		}
	}
	return results, failure
}

// chosen returns the policies to import, by namespace. A name without a policy is an error.
func (o *importCommand) chosen(r *reading, cluster *snapshot.Cluster, names []string) (map[string]*toImport, error) {
	scope := o.scope(r)
	out := map[string]*toImport{}
	used := map[string]bool{}
	for _, policy := range cluster.Policies {
		if len(scope.Namespaces) > 0 && !slices.Contains(scope.Namespaces, policy.Namespace) {
			continue
		}
		here := out[policy.Namespace]
		if here == nil {
			here = &toImport{}
			out[policy.Namespace] = here
		}
		_, _, ours := plan.Owner(policy)
		used[policy.Name] = used[policy.Name] || !ours
		if ours || (len(names) > 0 && !slices.Contains(names, policy.Name)) {
			here.beside = append(here.beside, policy)
			continue
		}
		here.policies = append(here.policies, policy)
	}
	for _, name := range names {
		if !used[name] {
			return nil, fmt.Errorf("no NetworkPolicy %s to import", name)
		}
	}
	maps.DeleteFunc(out, func(_ string, here *toImport) bool { return len(here.policies) == 0 })
	return out, nil
}

func (o *importCommand) nothingToImport(r *reading) error {
	switch {
	case !o.files.IsEmpty():
		return errors.New("no NetworkPolicy to import in the files")
	case o.allNamespaces:
		fmt.Fprintln(o.streams.ErrOut, "No NetworkPolicies to import found.")
	default:
		fmt.Fprintf(o.streams.ErrOut, "No NetworkPolicies to import found in namespace %s.\n", r.Namespace)
	}
	return nil
}

func (o *importCommand) importFrom(cluster *snapshot.Cluster, namespace string, policies *toImport) (*importer.Result, error) {
	ns, known := cluster.Namespace(namespace)
	if !known {
		ns = snapshot.Namespace{Name: namespace}
	}
	name := o.name
	if name == "" {
		name = namespace
	}
	if taken := slices.ContainsFunc(cluster.Profiles, func(p snapshot.Profile) bool { return p.Key.Namespace == namespace && p.Key.Name == name }); taken {
		return nil, fmt.Errorf("namespace %s has a SegmentationProfile %s already; choose another name with --name", namespace, name)
	}
	return importer.Import(importer.Input{
		Namespace: ns, Policies: policies.policies, Beside: policies.beside, Name: name, Facts: cluster.Facts, Options: cluster.Options,
	})
}

// note says what a reader must know, on standard error.
func (o *importCommand) note(namespace string, result *importer.Result) {
	style := styleFor(o.streams.ErrOut)
	for _, omission := range result.LeftOut {
		fmt.Fprintf(o.streams.ErrOut, "%s: NetworkPolicy %s/%s, which must stay as it is: %s\n", style.Yellow("Left out"), namespace, omission.Policy, omission.Why())
	}
	for _, remark := range result.Remarks {
		fmt.Fprintf(o.streams.ErrOut, "Note: %s: %s\n", namespace, remark)
	}
	if len(result.Replaced) > 0 {
		fmt.Fprintf(o.streams.ErrOut, "When profile %s/%s is Ready, it takes the place of these:\n  %s delete networkpolicy -n %s %s\n",
			namespace, result.Profile.Name, o.kubectl(), namespace, strings.Join(result.Replaced, " "))
	}
}

// kubectl returns the command that asks the same cluster, for people to copy.
func (o *importCommand) kubectl() string {
	out := "kubectl"
	for _, flag := range []struct {
		name  string
		value *string
	}{
		{"kubeconfig", o.kubeconfig.KubeConfig}, {"context", o.kubeconfig.Context}, {"cluster", o.kubeconfig.ClusterName},
		{"user", o.kubeconfig.AuthInfoName}, {"server", o.kubeconfig.APIServer},
	} {
		if flag.value != nil && *flag.value != "" {
			out += " --" + flag.name + "=" + quoted(*flag.value)
		}
	}
	return out
}

// plainWord is what a shell takes as it is.
var plainWord = regexp.MustCompile(`^[a-zA-Z0-9_./:@-]+$`)

// quoted returns a text as one word of a shell.
func quoted(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// print prints the profiles as people write them, or as a list.
func (o *importCommand) print(results []*importer.Result) error {
	results = slices.DeleteFunc(slices.Clone(results), func(r *importer.Result) bool { return r.Profile == nil })
	if o.output == "json" {
		var profiles []*v1alpha1.SegmentationProfile
		for _, result := range results {
			profiles = append(profiles, result.Profile)
		}
		return render.Profiles(o.streams.Out, profiles)
	}
	for i, result := range results {
		if i > 0 {
			fmt.Fprintln(o.streams.Out, "---")
		}
		head := "Imported from NetworkPolicy " + result.Replaced[0] + "."
		if len(result.Replaced) > 1 {
			head = "Imported from NetworkPolicies " + strings.Join(result.Replaced, ", ") + "."
		}
		if err := render.Profile(o.streams.Out, result.Profile, render.Remarks{Head: head}); err != nil {
			return err
		}
	}
	return nil
}
