package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/flowlog"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/render"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/starter"
)

// newCommand is `kubectl firebreak new`.
type newCommand struct {
	*sources
	name   string
	flows  string
	output string
}

func newNewCommand(s *shared) *cobra.Command {
	o := &newCommand{sources: newSources(s)}
	cmd := &cobra.Command{
		Use:   "new [-n NAMESPACE] [--from-flows FILE] [-f FILE | -k DIRECTORY]",
		Short: "Propose a first profile for what is in a namespace",
		Long: `Propose a first profile for what is in a namespace: a tier for each workload that its labels tell from the
others, with the ports to which Services lead, or else those that containers declare. It is in mode Preview:
applied, it writes no policy, and its status says what Enforce would cut.

Who may talk to whom is for you to say; comments have an entry for each tier. With --from-flows there are
entries for connections that were observed, and never for more than that: what may allow more is a comment.
What was not seen is missing, so watch for as long as the rarest connection takes.

Connections are a table (CSV), the same as JSON, or what Hubble exports. The columns, in any order:

  source, destination   a pod as namespace/name, or name in this namespace, or an address
  port                  the destination's
  protocol              TCP (the default), UDP or SCTP
  verdict               allowed (the default) or denied
  count                 how often it was seen; 1 by default

What was guessed and which connections were passed over is said on standard error.`,
		Example: `  # A profile to begin with
  kubectl firebreak new -n production >profile.yaml

  # The same, with what Hubble saw
  hubble observe --namespace production --last 100000 -o json | kubectl firebreak new -n production --from-flows -

  # For manifests, without a cluster, with connections in a table
  kubectl firebreak new -f manifests/ --from-flows connections.csv

  # Would it be taken, and what would it do?
  kubectl firebreak new -n production | kubectl firebreak check -f - --live`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.name, "name", "", "`name` of the profile; that of the namespace when empty")
	cmd.Flags().StringVar(&o.flows, "from-flows", "", "`file` with observed connections, - for standard input")
	_ = cmd.MarkFlagFilename("from-flows", "csv", "json", "jsonl")
	addOutput(cmd, &o.output, "yaml", "json")
	return cmd
}

func (o *newCommand) run(ctx context.Context) error {
	if err := mayBeNamed(o.name); err != nil {
		return err
	}
	observed, err := o.observed()
	if err != nil {
		return err
	}
	r, err := o.read(ctx)
	if err != nil {
		return err
	}
	cluster := r.Cluster()
	namespace, err := o.namespaceOf(r, cluster)
	if err != nil {
		return err
	}
	name := o.name
	if name == "" {
		name = namespace
	}
	if err := mayBeNew(cluster, namespace, name); err != nil {
		return err
	}
	proposal, err := starter.Propose(starter.Input{Namespace: namespace, Name: name, Cluster: cluster, Observed: observed})
	if err != nil {
		return err
	}
	o.note(r, cluster, proposal)
	if o.output == "json" {
		return render.Profiles(o.streams.Out, []*v1alpha1.SegmentationProfile{proposal.Profile})
	}
	return render.Proposal(o.streams.Out, proposal)
}

// namespaceOf returns the namespace to propose a profile for: without -n, the only one in which the files have pods.
func (o *newCommand) namespaceOf(r *reading, cluster *snapshot.Cluster) (string, error) {
	if *o.kubeconfig.Namespace != "" || o.files.IsEmpty() {
		return r.Namespace, nil
	}
	var with []string
	for _, object := range r.Objects {
		if namespace := object.GetNamespace(); slices.ContainsFunc(cluster.Pods, func(p snapshot.Pod) bool { return p.Namespace == namespace }) {
			with = append(with, namespace)
		}
	}
	slices.Sort(with)
	switch with = slices.Compact(with); len(with) {
	case 0:
		return r.Namespace, nil
	case 1:
		return with[0], nil
	}
	return "", fmt.Errorf("the files have pods in several namespaces; choose one with -n: %s", strings.Join(with, ", "))
}

// mayBeNamed returns why a profile cannot be given this name. The empty one stands for that of its namespace.
func mayBeNamed(name string) error {
	if faults := validation.IsDNS1123Subdomain(name); name != "" && len(faults) > 0 {
		return fmt.Errorf("%q is no name of a profile: %s", name, faults[0])
	}
	return nil
}

// mayBeNew returns why no profile of this name can be proposed.
func mayBeNew(cluster *snapshot.Cluster, namespace, name string) error {
	if cluster.Options.Protected(namespace) {
		return fmt.Errorf("namespace %s is protected: no profile ever acts in it", namespace)
	}
	if slices.ContainsFunc(cluster.Profiles, func(p snapshot.Profile) bool { return p.Key.Namespace == namespace && p.Key.Name == name }) {
		return fmt.Errorf("namespace %s has a SegmentationProfile %s already; choose another name with --name", namespace, name)
	}
	return nil
}

// note says what a reader must know, on standard error.
func (o *newCommand) note(r *reading, cluster *snapshot.Cluster, proposal *starter.Proposal) {
	say := func(title string, sentences ...string) {
		for _, sentence := range sentences {
			fmt.Fprintf(o.streams.ErrOut, "%s: %s\n", title, sentence)
		}
	}
	if !r.Offline {
		say("Note", "Pods are looked at that are there now. What runs now and then, as Jobs do, may be missing.")
	}
	say("Note", unread(r, proposal.Profile.Namespace)...)
	say("Note", beside(cluster, proposal.Profile.Namespace)...)
	say("Note", proposal.Notes...)
	say(styleFor(o.streams.ErrOut).Yellow("Guess"), proposal.Guesses...)
	say("Passed over", proposal.PassedOver...)
}

// unread says which objects of the files make pods and are of kinds that nobody here reads.
func unread(r *reading, namespace string) []string {
	var out []string
	for _, o := range r.Objects {
		_, makesPods, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		if here := o.GetNamespace() == "" || o.GetNamespace() == namespace; here && err == nil && makesPods && !inventory.Matters(o.GroupVersionKind()) {
			out = append(out, fmt.Sprintf("%s %s (%s) is of a kind that is not read: unless its pods are in the files, too, they are in no tier and would be denied everything.",
				o.GetKind(), o.GetName(), o.Source))
		}
	}
	return out
}

// beside says what restricts the pods of a namespace already.
func beside(cluster *snapshot.Cluster, namespace string) []string {
	var profiles, policies, out []string
	for _, p := range cluster.Profiles {
		if p.Key.Namespace == namespace {
			profiles = append(profiles, p.Key.Name)
		}
	}
	for _, policy := range cluster.Policies {
		if _, _, ours := plan.Owner(policy); policy.Namespace == namespace && !ours {
			policies = append(policies, policy.Name)
		}
	}
	if len(profiles) > 0 {
		out = append(out, fmt.Sprintf("Namespace %s has profiles already, and what any of them allows is allowed: %s.", namespace, strings.Join(profiles, ", ")))
	}
	if len(policies) > 0 {
		out = append(out, fmt.Sprintf("Namespace %s has NetworkPolicies already, and what they allow stays allowed; kubectl firebreak import makes a profile of them: %s.",
			namespace, strings.Join(policies, ", ")))
	}
	return out
}

// observed reads the connections that were seen; nil when there is no file of them.
func (o *newCommand) observed() (*flowlog.Log, error) {
	switch o.flows {
	case "":
		return nil, nil //nolint:nilnil // nothing was asked for
	case "-":
		if slices.Contains(o.files.Filenames, "-") {
			return nil, errors.New("only one of -f and --from-flows can be standard input")
		}
		return readFlows("standard input", o.streams.In)
	}
	text, err := os.ReadFile(o.flows)
	if err != nil {
		return nil, fmt.Errorf("read observed connections: %w", err)
	}
	return readFlows(o.flows, bytes.NewReader(text))
}

func readFlows(name string, in io.Reader) (*flowlog.Log, error) {
	log, err := flowlog.Read(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if log.Records() == 0 {
		return nil, fmt.Errorf("%s: there are no observed connections in it", name)
	}
	return log, nil
}
