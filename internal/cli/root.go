// Package cli has the commands of the kubectl plugin. Each command reads its sources, asks the packages below, and prints.
package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Exit codes, the same for all commands. Scripts rely on them.
const (
	// exitYes: it was done, and nothing is to be complained of.
	exitYes = 0
	// exitNo: it was done, and the answer is no: refused, or found, or changed.
	exitNo = 1
	// exitNotDone: it could not be done, because of how it was called, of a file, or of the cluster.
	exitNotDone = 2
)

// errNo is returned by a command that has printed its answer, which is no.
var errNo = errors.New("the answer is no")

// errToldWhy is returned by a command that has printed what could be done, and why the rest could not.
var errToldWhy = errors.New("some could not be done")

// Run runs the plugin with arguments, without its own name, and returns its exit code.
func Run(ctx context.Context, args []string, version string, streams genericiooptions.IOStreams) int {
	cmd := newRootCommand(version, streams) //nolint:contextcheck // cobra hands the context to commands when they run
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitYes
	case errors.Is(err, errNo):
		return exitNo
	case errors.Is(err, errToldWhy):
		return exitNotDone
	case errors.As(err, &errRefused{}):
		printPlaces(streams, err)
		return exitNo
	case errors.As(err, &errUntold{}):
		printPlaces(streams, err)
		return exitNotDone
	}
	fmt.Fprintln(streams.ErrOut, "error:", err)
	return exitNotDone
}

// printPlaces prints what is wrong in files, one line each, so that editors and CI find the places.
func printPlaces(streams genericiooptions.IOStreams, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(streams.ErrOut, "error:", line)
	}
}

func newRootCommand(version string, streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kubectl-firebreak",
		Short: "See what segmentation profiles mean, before and after they are applied",
		Long: `See what segmentation profiles mean, before and after they are applied.

Without files, commands look at the cluster. With -f or -k they look at files alone, and need no
cluster; with --live as well, at the cluster as it would be with these files applied.

Exit codes: 0 all is well; 1 the answer is no (refused, found, changed); 2 it could not be done.`,
		// What goes wrong is printed by Run, once and without the whole usage.
		SilenceErrors: true, SilenceUsage: true,
		// kubectl calls it "kubectl firebreak", and so does its help.
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl firebreak"},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w\nSee %s --help", err, cmd.CommandPath())
	})
	cmd.SetIn(streams.In)
	cmd.SetOut(streams.Out)
	cmd.SetErr(streams.ErrOut)
	shared := newShared(streams)
	shared.addFlags(cmd.PersistentFlags())
	for _, newCommand := range commands() {
		cmd.AddCommand(newCommand(shared))
	}
	cmd.AddCommand(newVersionCommand(shared, version), newOptionsCommand(streams))
	cmd.SetUsageTemplate(usageTemplate)
	return cmd
}

// commands are the constructors of the commands.
func commands() []func(*shared) *cobra.Command {
	return []func(*shared) *cobra.Command{
		newRenderCommand,
		newStatusCommand,
		newMapCommand,
		newExplainCommand,
		newCheckCommand,
		newMatrixCommand,
		newDiffCommand,
		newImportCommand,
		newNewCommand,
	}
}

// usageTemplate is cobra's, in which the flags that all commands have are named but not listed, as kubectl does.
const usageTemplate = `Usage:
{{- if .Runnable}}
  {{.UseLine}}{{end}}
{{- if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{end}}
{{- if .HasExample}}

Examples:
{{.Example}}{{end}}
{{- if .HasAvailableSubCommands}}

Commands:
{{- range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}
{{- if .HasAvailableLocalFlags}}{{if .HasParent}}

Flags:
{{.LocalNonPersistentFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{end}}

Use "{{.Root.DisplayName}} options" for the flags that all commands have: the cluster, and what cannot be seen in it.
{{- if .HasAvailableSubCommands}}
Use "{{.CommandPath}} [command] --help" for more about a command.{{end}}
`

func newOptionsCommand(streams genericiooptions.IOStreams) *cobra.Command {
	return &cobra.Command{
		Use:   "options",
		Short: "List the flags that all commands have",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprint(streams.Out, "All commands take these flags:\n\n", cmd.Root().PersistentFlags().FlagUsages())
		},
	}
}
