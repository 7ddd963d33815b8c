package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/overview"
	"firebreak.dev/firebreak/internal/render"
)

// statusCommand is `kubectl firebreak status`.
type statusCommand struct {
	*sources
	names             []overview.Name
	watch             bool
	exitCode          bool
	operatorNamespace string
	output            string
}

func newStatusCommand(s *shared) *cobra.Command {
	o := &statusCommand{sources: newSources(s)}
	cmd := &cobra.Command{
		Use:   "status [NAME | segp/NAME | csegp/NAME]...",
		Short: "Show how profiles are: what holds, what is wrong, what drifted",
		Long: `Show how profiles are: what holds, what is wrong, what drifted.

Without names, it shows a table of the profiles of the namespace, the cluster profiles that act there among
them, and below it what is wrong with each that is not well. With names, it shows everything about each.

It says what the operator found, and besides, seen from here, whether the policies are as the profiles want
them at this moment: that holds when no operator is running, too. If the operator was told by flags what
cannot be seen in the cluster, give the same flags here.

A profile is well when the operator has looked at it as it is, found it valid and everything that it refers
to, has its policies in place, its tiers select pods, no other policy widens it, no finding is an error, and
no policy differs at this moment. With --exit-code, the exit code is 1 when a profile is not, or when no
operator seems to be running.`,
		Example: `  # The profiles of a namespace
  kubectl firebreak status -n production

  # Everything about one profile
  kubectl firebreak status segp/shop -n production

  # The whole cluster, as it changes
  kubectl firebreak status -A --watch

  # In a script
  kubectl firebreak status -A --exit-code`,
		ValidArgsFunction: o.completeNames,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(s.kubeconfig.Namespace, "namespace", "n", "", "`namespace` to look at")
	o.addAllNamespaces(cmd)
	flags.BoolVarP(&o.watch, "watch", "w", false, "go on and show what changes, until interrupted")
	flags.BoolVar(&o.exitCode, "exit-code", false, "exit with 1 when a profile is not well, or no operator seems to be running")
	flags.StringVar(&o.operatorNamespace, "operator-namespace", operatorNamespace, "`namespace` in which the operator runs")
	addOutput(cmd, &o.output, outputTable, outputWide, outputJSON, outputYAML)
	return cmd
}

// The formats of the output.
const (
	outputTable = "table"
	outputWide  = "wide"
	outputJSON  = "json"
	outputYAML  = "yaml"
)

func (o *statusCommand) run(ctx context.Context, args []string) error {
	var err error
	if o.names, err = parseNames(args); err != nil {
		return err
	}
	if o.watch && o.exitCode {
		return errors.New("--exit-code is the answer to one look; leave it out, or --watch")
	}
	namespace, err := o.lookedAt()
	if err != nil {
		return err
	}
	c, err := o.client()
	if err != nil {
		return err
	}
	if o.watch {
		return o.follow(ctx, c, namespace)
	}
	look := o.newLook(c, namespace, nil)
	seen, err := look.overview(ctx)
	if err != nil {
		return err
	}
	return o.answer(seen)
}

// lookedAt returns the namespace to look at; empty for all.
func (o *statusCommand) lookedAt() (string, error) {
	if o.allNamespaces {
		return "", nil
	}
	return o.defaultNamespace()
}

// answer prints an overview, and says what that means for the exit code.
func (o *statusCommand) answer(seen *overview.Overview) error {
	o.notes(seen)
	if err := o.print(o.streams.Out, seen, styleFor(o.streams.Out), time.Now()); err != nil {
		return err
	}
	switch {
	case len(seen.Missing) > 0:
		return notFound(seen)
	case o.exitCode && !seen.Well():
		return errNo
	}
	return nil
}

// notes says what could not be seen.
func (o *statusCommand) notes(seen *overview.Overview) {
	notes := seen.Notes
	if o.isTable() && len(o.names) == 0 {
		notes = append(slices.Clone(notes), seen.Unsure()...)
	}
	for _, note := range notes {
		fmt.Fprintln(o.streams.ErrOut, "Note:", note)
	}
}

func (o *statusCommand) isTable() bool { return o.output == outputTable || o.output == outputWide }

// print writes an overview in the format that was asked for.
func (o *statusCommand) print(out io.Writer, seen *overview.Overview, style render.Style, now time.Time) error {
	switch {
	case o.output == outputJSON:
		return render.JSON(out, seen)
	case o.output == outputYAML:
		return render.YAML(out, seen)
	case len(seen.Profiles) == 0:
		o.nothing(seen)
	case len(o.names) > 0:
		render.StatusDetails(out, seen, now, style)
	default:
		render.Status(out, seen, render.StatusColumns{Wide: o.output == outputWide, Now: now}, style)
	}
	return nil
}

// nothing says that there is no profile, unless that is an error.
func (o *statusCommand) nothing(seen *overview.Overview) {
	if len(seen.Missing) == 0 {
		fmt.Fprintln(o.streams.ErrOut, noProfiles(seen))
	}
}

func noProfiles(seen *overview.Overview) string {
	if seen.Namespace == "" {
		return "No profiles found."
	}
	return fmt.Sprintf("No profiles found in namespace %s.", seen.Namespace)
}

// notFound says which profiles there are not.
func notFound(seen *overview.Overview) error {
	var errs []error
	for _, n := range seen.Missing {
		where := ""
		if n.Kind != v1alpha1.KindClusterSegmentationProfile && seen.Namespace != "" {
			where = " in namespace " + seen.Namespace
		}
		what := "profile " + n.Name
		if n.Kind != "" {
			what = overview.ShortKind(n.Kind) + "/" + n.Name
		}
		errs = append(errs, fmt.Errorf("%s not found%s", what, where))
	}
	return errors.Join(errs...)
}

// parseNames reads the names of profiles, with or without their kinds.
func parseNames(args []string) ([]overview.Name, error) {
	var out []overview.Name
	for _, arg := range args {
		kind, name, hasKind := strings.Cut(arg, "/")
		if !hasKind {
			kind, name = "", arg
		}
		n := overview.Name{Name: name}
		switch resource, _, _ := strings.Cut(strings.ToLower(kind), "."); resource {
		case "":
		case "segp", "segmentationprofile", "segmentationprofiles":
			n.Kind = v1alpha1.KindSegmentationProfile
		case "csegp", "clustersegmentationprofile", "clustersegmentationprofiles":
			n.Kind = v1alpha1.KindClusterSegmentationProfile
		default:
			return nil, fmt.Errorf("%s is no kind of profile: want NAME, segp/NAME or csegp/NAME", kind)
		}
		if name == "" || (hasKind && kind == "") {
			return nil, fmt.Errorf("%q names no profile: want NAME, segp/NAME or csegp/NAME", arg)
		}
		out = append(out, n)
	}
	return out, nil
}

// operator says what the operator's lease tells.
func (o *statusCommand) operator(ctx context.Context, c client.Reader) (overview.Operator, error) {
	var lease coordinationv1.Lease
	err := c.Get(ctx, client.ObjectKey{Namespace: o.operatorNamespace, Name: overview.LeaseName()}, &lease)
	switch {
	case err == nil:
		return overview.OperatorOf(&lease, o.operatorNamespace, time.Now()), nil
	case apierrors.IsNotFound(err):
		return overview.OperatorOf(nil, o.operatorNamespace, time.Now()), nil
	case apierrors.IsForbidden(err):
		return overview.OperatorUnseen(fmt.Sprintf("you may not read leases in namespace %s", o.operatorNamespace)), nil
	}
	return overview.Operator{}, fmt.Errorf("read the lease of the operator: %w", err)
}

// completionTimeout bounds how long a shell waits for names.
const completionTimeout = 3 * time.Second

// completeNames completes the names of profiles, for a shell.
func (o *statusCommand) completeNames(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	namespace, err := o.lookedAt()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := o.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var profiles v1alpha1.SegmentationProfileList
	var clusterProfiles v1alpha1.ClusterSegmentationProfileList
	// Who may not list one kind may still be helped with the other.
	_ = c.List(ctx, &profiles, client.InNamespace(namespace))
	_ = c.List(ctx, &clusterProfiles)
	var names []string
	for i := range profiles.Items {
		names = append(names, completion(v1alpha1.KindSegmentationProfile, profiles.Items[i].Name, start))
	}
	for i := range clusterProfiles.Items {
		names = append(names, completion(v1alpha1.KindClusterSegmentationProfile, clusterProfiles.Items[i].Name, start))
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		return !strings.HasPrefix(name, start) || slices.Contains(args, name)
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completion returns how a profile is named when an argument starts so: with its kind once a kind was begun.
func completion(kind v1alpha1.Kind, name, start string) string {
	if strings.Contains(start, "/") {
		return overview.ShortKind(kind) + "/" + name
	}
	return name
}

// isTerminal says whether something is written to a terminal.
func isTerminal(out io.Writer) (*os.File, bool) {
	file, ok := out.(*os.File)
	return file, ok && styleFor(file).Width > 0
}
