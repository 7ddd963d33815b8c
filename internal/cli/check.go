package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/checkup"
	"firebreak.dev/firebreak/internal/render"
)

// checkCommand is `kubectl firebreak check`.
type checkCommand struct {
	*sources
	output string
	failOn string
}

func newCheckCommand(s *shared) *cobra.Command {
	o := &checkCommand{sources: newSources(s)}
	cmd := &cobra.Command{
		Use:   "check {-f FILE | -k DIRECTORY}",
		Short: "Check profiles in files, without a cluster",
		Long: `Check profiles in files, without a cluster.

It says what the API server would say to each profile, in its words: unknown fields, the schema, all rules.
Of profiles that are accepted it says what the operator would report: findings such as AnywherePeer, and
what NetworkPolicies in the files would add.

Files are a part of a cluster. What something refers to is looked up where the files hold objects of that
kind in that namespace; whether tiers select pods is judged where they hold workloads. Elsewhere a remark
says that it was not checked, which never fails. --live looks in the cluster as well.

It exits with 1 when a profile would be refused, or has a finding of severity Error: --fail-on changes that.
A document that cannot be read counts as refused. Files without any profile are an error (exit code 2), so
that a wrong path does not pass. For -o sarif, run it in the root of the repository.`,
		Example: `  # All manifests of a repository, recursively, as in a pull request
  kubectl firebreak check -R -f deploy/

  # What helm or kustomize make
  helm template shop ./chart | kubectl firebreak check -f -
  kubectl firebreak check -k overlays/production --fail-on=warning

  # For GitHub code scanning, and for GitLab or Jenkins
  kubectl firebreak check -R -f deploy/ -o sarif > firebreak.sarif
  kubectl firebreak check -R -f deploy/ -o junit > firebreak.xml`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.addFlags(cmd)
	addOutput(cmd, &o.output, "text", "json", "yaml", "junit", "sarif")
	addChoice(cmd, &o.failOn, "fail-on", "", "the least `severity` for which to exit with 1", "error", "warning", "info", "never")
	return cmd
}

func (o *checkCommand) run(ctx context.Context) error {
	if o.files.IsEmpty() {
		return errors.New("no files to check: give them with -f or -k")
	}
	r, err := o.readLenient(ctx)
	if err != nil {
		return err
	}
	in, err := o.checkupOf(ctx, r)
	if err != nil {
		return err
	}
	if len(in.Subjects) == 0 && len(in.Unreadable) == 0 {
		return fmt.Errorf("no profile among the objects in the files (%d); want kind %s or %s",
			in.OtherObjects, v1alpha1.KindSegmentationProfile, v1alpha1.KindClusterSegmentationProfile)
	}
	report, err := checkup.Examine(in)
	if err != nil {
		return err
	}
	if err := o.print(report); err != nil {
		return err
	}
	if least := o.least(); least != "" && report.Fails(least) {
		return errNo
	}
	return nil
}

// least is the least severity that fails; empty for none.
func (o *checkCommand) least() v1alpha1.Severity {
	switch o.failOn {
	case "warning":
		return v1alpha1.SeverityWarning
	case "info":
		return v1alpha1.SeverityInfo
	case "never":
		return ""
	}
	return v1alpha1.SeverityError
}

func (o *checkCommand) print(report *checkup.Report) error {
	out := o.streams.Out
	switch o.output {
	case "json":
		return render.JSON(out, report)
	case "yaml":
		return render.YAML(out, report)
	case "junit":
		return render.CheckJUnit(out, report, o.least())
	case "sarif":
		directory, err := os.Getwd()
		if err != nil {
			return fmt.Errorf("find the directory that paths are relative to: %w", err)
		}
		return render.CheckSARIF(out, report, directory)
	}
	render.CheckText(out, report, styleFor(out))
	return nil
}
