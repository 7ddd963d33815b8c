package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/manifests"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/render"
	"firebreak.dev/firebreak/internal/snapshot"
)

// renderCommand is `kubectl firebreak render`.
type renderCommand struct {
	*sources
	enforce bool
	output  string
}

func newRenderCommand(s *shared) *cobra.Command {
	o := &renderCommand{sources: newSources(s)}
	cmd := &cobra.Command{
		Use:   "render [-f FILE | -k DIRECTORY]",
		Short: "Print the NetworkPolicies of profiles",
		Long: `Print the NetworkPolicies of profiles, as the operator would write them.

With files, it prints the policies of the profiles in them; without, those of the profiles in the cluster.
What only a cluster knows, the UIDs of profiles that are not there yet and the address of the DNS Service,
is left out, unless the files say it or --live looks it up.

A profile that would be refused is printed as an error, and no policy at all (exit code 1). What a profile
refers to and is not there is left out of its policies, as the operator does, and said on standard error.
A profile in Preview has no policies; --enforce prints what it would have.`,
		Example: `  # What would this profile do?
  kubectl firebreak render -f config/samples/three-tier.yaml

  # The same with the cluster's own addresses, and compared to what is there
  kubectl firebreak render -f config/samples/three-tier.yaml --live | kubectl diff -f -`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.addFlags(cmd)
	o.addAllNamespaces(cmd)
	cmd.Flags().BoolVar(&o.enforce, "enforce", false, "render profiles in Preview as if they were enforced")
	addOutput(cmd, &o.output, "yaml", "json")
	return cmd
}

func (o *renderCommand) run(ctx context.Context) error {
	r, err := o.read(ctx)
	if err != nil {
		return err
	}
	cluster := r.Cluster()
	if o.enforce {
		cluster = outlook.Enforced(cluster)
	}
	wanted := o.wanted(r, cluster)
	if len(wanted) == 0 {
		return o.nothing(r)
	}
	settled, err := outlook.Settled(cluster)
	if err != nil {
		return err
	}
	if r.AssumedDNS && asksForDNS(settled, wanted) {
		fmt.Fprintln(o.streams.ErrOut, "Note: nothing here says where the cluster's DNS is, so the usual pods are assumed (k8s-app=kube-dns in kube-system), without the Service's address; --live looks it up, where you may.")
	}
	return o.print(o.policies(settled, wanted))
}

// asksForDNS says whether a wanted profile has a tier that uses the cluster's DNS.
func asksForDNS(settled *outlook.Outlook, wanted map[snapshot.ProfileKey]bool) bool {
	for _, ns := range settled.Namespaces {
		for _, output := range ns.Outputs {
			if wanted[output.Profile.Key] && slices.Contains(output.Facts, snapshot.Fact{Kind: snapshot.FactDNS}) {
				return true
			}
		}
	}
	return false
}

// nothing says that there is no profile.
func (o *sources) nothing(r *reading) error {
	switch {
	case !o.files.IsEmpty():
		return fmt.Errorf("no profile in the files; want objects of kind %s or %s", v1alpha1.KindSegmentationProfile, v1alpha1.KindClusterSegmentationProfile)
	case o.allNamespaces:
		fmt.Fprintln(o.streams.ErrOut, "No profiles found.")
	default:
		fmt.Fprintf(o.streams.ErrOut, "No profiles found in namespace %s.\n", r.Namespace)
	}
	return nil
}

// wanted returns the profiles to render: those of the files; without files, those of the cluster that act in the namespace.
func (o *sources) wanted(r *reading, cluster *snapshot.Cluster) map[snapshot.ProfileKey]bool {
	out := map[snapshot.ProfileKey]bool{}
	if !o.files.IsEmpty() {
		for _, object := range r.Objects {
			if key, ok := profileKey(object); ok {
				out[key] = true
			}
		}
		return out
	}
	for _, p := range cluster.Profiles {
		if o.allNamespaces || p.Key.Namespace == r.Namespace || p.Key.Namespace == "" {
			out[p.Key] = true
		}
	}
	return out
}

// profileKey returns the key of a profile; ok is false for other objects.
func profileKey(o manifests.Object) (key snapshot.ProfileKey, ok bool) {
	gvk := o.GroupVersionKind()
	if gvk.GroupVersion() != v1alpha1.GroupVersion {
		return key, false
	}
	key = snapshot.ProfileKey{Kind: v1alpha1.Kind(gvk.Kind), Namespace: o.GetNamespace(), Name: o.GetName()}
	if inventory.IsClusterScoped(gvk.GroupKind()) {
		key.Namespace = ""
	}
	return key, true
}

// policies returns the policies of the wanted profiles, by namespace and name, and says on standard error what is to be known
// besides.
func (o *renderCommand) policies(settled *outlook.Outlook, wanted map[snapshot.ProfileKey]bool) []networkingv1.NetworkPolicy {
	out := []networkingv1.NetworkPolicy{}
	acts := map[snapshot.ProfileKey]bool{}
	for _, ns := range settled.Namespaces {
		for _, output := range ns.Outputs {
			if !wanted[output.Profile.Key] {
				continue
			}
			acts[output.Profile.Key] = acts[output.Profile.Key] || output.Selected
			o.note(ns.Namespace.Name, output)
			if output.Disposition == compiler.Enforce {
				out = append(out, asWritten(output.Policies, ns.Policies)...)
			}
		}
	}
	for _, p := range settled.Cluster.Profiles {
		if wanted[p.Key] && !acts[p.Key] && p.Key.Namespace == "" {
			fmt.Fprintf(o.streams.ErrOut, "Note: %s acts in no namespace that is known; give the Namespaces with their labels, or --live.\n", p.Key)
		}
	}
	return out
}

// asWritten returns policies as they stand when they are in force: one that a new generation of its profile does not change
// keeps the stamp of the generation that it was written for.
func asWritten(wanted []networkingv1.NetworkPolicy, inForce []*networkingv1.NetworkPolicy) []networkingv1.NetworkPolicy {
	out := slices.Clone(wanted)
	for i := range out {
		for _, policy := range inForce {
			if policy.Name == out[i].Name && plan.Satisfies(policy, &out[i]) {
				out[i].Annotations = maps.Clone(out[i].Annotations)
				out[i].Annotations[v1alpha1.AnnotationProfileGeneration] = policy.Annotations[v1alpha1.AnnotationProfileGeneration]
			}
		}
	}
	return out
}

// note says what a profile leaves out in a namespace, or why it has no policies there.
func (o *renderCommand) note(namespace string, output compiler.Output) {
	switch {
	case output.Protected:
		fmt.Fprintf(o.streams.ErrOut, "Note: %s has no policies in namespace %s, which is protected.\n", output.Profile.Key, namespace)
	case output.TooLarge != "":
		fmt.Fprintf(o.streams.ErrOut, "error: %s has no policies in namespace %s: %s\n", output.Profile.Key, namespace, output.TooLarge)
	case output.Disposition == compiler.Preview:
		fmt.Fprintf(o.streams.ErrOut, "Note: %s is in Preview, so it has no policies in namespace %s; --enforce prints what it would have.\n", output.Profile.Key, namespace)
	}
	style := styleFor(o.streams.ErrOut)
	for _, f := range output.Findings {
		fmt.Fprintln(o.streams.ErrOut, render.Finding(output.Profile.Key, f, style))
	}
}

// print prints policies as documents, or as a list.
func (o *renderCommand) print(policies []networkingv1.NetworkPolicy) error {
	for i := range policies {
		forgetUnknown(&policies[i])
	}
	if o.output == "json" {
		list := networkingv1.NetworkPolicyList{TypeMeta: metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicyList"}, Items: policies}
		return render.JSON(o.streams.Out, list)
	}
	return printDocuments(o.streams.Out, policies)
}

func printDocuments(out io.Writer, policies []networkingv1.NetworkPolicy) error {
	for i := range policies {
		if i > 0 {
			fmt.Fprintln(out, "---")
		}
		if err := render.YAML(out, policies[i]); err != nil {
			return err
		}
	}
	return nil
}

// forgetUnknown removes what a policy says of a profile that has no UID yet.
func forgetUnknown(policy *networkingv1.NetworkPolicy) {
	policy.OwnerReferences = slices.DeleteFunc(slices.Clone(policy.OwnerReferences), func(r metav1.OwnerReference) bool { return r.UID == "" })
	if policy.Annotations[v1alpha1.AnnotationProfileUID] == "" {
		delete(policy.Annotations, v1alpha1.AnnotationProfileUID)
	}
}
