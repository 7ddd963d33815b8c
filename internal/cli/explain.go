package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"firebreak.dev/firebreak/internal/explanation"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/render"
)

// explainCommand is `kubectl firebreak explain`.
type explainCommand struct {
	*sources
	enforce bool
	output  string
	expect  string
}

func newExplainCommand(s *shared) *cobra.Command {
	o := &explainCommand{sources: newSources(s)}
	cmd := &cobra.Command{
		Use:   "explain SOURCE DESTINATION[:PORT[/PROTOCOL]] [-f FILE | -k DIRECTORY]",
		Short: "Say whether a connection may pass, who decides, and what would allow it",
		Long: `Say whether a connection may pass, who decides, and what would allow it.

A source or destination is one of
  deploy/NAME                 the pods of a workload: deploy, sts, ds, job, cronjob, rs, or pod
  payments/deploy/NAME        the same in another namespace; so for svc, too
  svc/NAME                    the pods behind a Service; a port is the Service's then
  tier:PROFILE/TIER           a tier; or tier:TIER, or tier:NAMESPACE/PROFILE/TIER. Where none of its
                              pods runs, one that it would select stands for it
  ns/NAME                     any pod of a namespace: one without labels, and those that fare otherwise
  10.0.0.7, 2001:db8::1       an address; with a port, IPv6 is written [2001:db8::1]:443
  internet                    a public address that no rule names

The port is a number, or the name of a port of the destination's containers; /udp or /sctp may follow.
Without one, every port is answered that the destination declares.

It says what NetworkPolicies mean, not what the network does: no packet is sent.`,
		Example: `  # Why does the shop not reach its database?
  kubectl firebreak explain deploy/web sts/postgres:5432 -n production

  # The same before anything is applied
  kubectl firebreak explain tier:shop/frontend tier:shop/database:5432 -n production -f config/samples/three-tier.yaml

  # Would the payment provider still be reached if what is in Preview were enforced?
  kubectl firebreak explain deploy/api internet:443 -n production --enforce

  # In CI: this must stay closed
  kubectl firebreak explain deploy/web internet:443 -n production --expect denied`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("want a source and a destination: kubectl firebreak explain deploy/web sts/postgres:5432")
			}
			return nil
		},
		ValidArgsFunction: o.complete,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0], args[1]) },
	}
	o.addFlags(cmd)
	cmd.Flags().BoolVar(&o.enforce, "enforce", false, "take profiles in Preview as if they were enforced")
	addOutput(cmd, &o.output, "text", "json", "yaml")
	addChoice(cmd, &o.expect, "expect", "", "exit with 1 unless the `answer` is this one", "allowed", "denied", "undecidable")
	o.expect, cmd.Flag("expect").DefValue = "", ""
	return cmd
}

func (o *explainCommand) run(ctx context.Context, source, destination string) error {
	namespace, err := o.defaultNamespace()
	if err != nil {
		return err
	}
	question, err := explanation.Ask(source, destination, namespace)
	if err != nil {
		return err
	}
	r, err := o.read(ctx, o.reach(question)...)
	if err != nil {
		return err
	}
	world, err := o.world(r)
	if err != nil {
		return err
	}
	answer, err := explanation.Explain(world, question)
	if err != nil {
		return err
	}
	if err := o.print(answer); err != nil {
		return err
	}
	if want := o.expect; want != "" && !strings.EqualFold(want, string(answer.Verdict)) {
		fmt.Fprintf(o.streams.ErrOut, "Expected %s, got %s.\n", want, strings.ToLower(string(answer.Verdict)))
		return errNo
	}
	return nil
}

// reach are the namespaces of which everything must be known.
func (o *explainCommand) reach(q explanation.Question) []string {
	out := []string{q.Namespace}
	for _, ref := range []explanation.Reference{q.Source, q.Destination} {
		if ref.Namespace != "" {
			out = append(out, ref.Namespace)
		}
	}
	return out
}

// world returns what is in force: the cluster as it is; with files, or when previews are to be enforced, as it will be when the
// operator has done its work.
func (o *explainCommand) world(r *reading) (explanation.World, error) {
	cluster, look := r.Cluster(), outlook.AsIs
	settled := r.Offline || len(r.Objects) > 0 || o.enforce
	if settled {
		look = outlook.Settled
	}
	if o.enforce {
		cluster = outlook.Enforced(cluster)
	}
	found, err := look(cluster)
	return explanation.World{Outlook: found, Partial: r.Offline || r.Partial, Settled: settled}, err
}

func (o *explainCommand) print(answer explanation.Explanation) error {
	switch o.output {
	case "json":
		return render.JSON(o.streams.Out, answer)
	case "yaml":
		return render.YAML(o.streams.Out, answer)
	}
	render.Explain(o.streams.Out, answer, styleFor(o.streams.Out))
	for _, note := range answer.Notes {
		fmt.Fprintln(o.streams.ErrOut, "Note:", note)
	}
	return nil
}

// complete completes an end by what is known of the current namespace, and the other namespaces by name.
func (o *explainCommand) complete(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) >= 2 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	r, err := o.read(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	world, err := o.world(r)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return explanation.Complete(world, r.Namespace), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
