package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/connectivity"
	"firebreak.dev/firebreak/internal/manifests"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/render"
	"firebreak.dev/firebreak/internal/snapshot"
)

// diffCommand is `kubectl firebreak diff`.
type diffCommand struct {
	*sources
	enforce bool
	output  string
}

func newDiffCommand(s *shared) *cobra.Command {
	o := &diffCommand{sources: newSources(s)}
	cmd := &cobra.Command{
		Use:   "diff (OLD NEW | -f FILE | -k DIRECTORY)",
		Short: "Show which connections a change opens and closes",
		Long: `Show which connections a change opens and closes, and why: not which lines of YAML differ.

OLD and NEW are files or directories, such as two checkouts; a directory with a kustomization file is built.
They are compared without a cluster. With -f or -k, the cluster is compared with itself once these files are
applied.

A profile in Preview changes no connection; what enforcing it would do is counted besides, and --enforce shows it.
Exit codes: 0 no connection changes; 1 some do; 2 it could not be told.`,
		Example: `  # What would this pull request open?
  kubectl firebreak diff old/manifests new/manifests -o markdown

  # What would applying this file change in the cluster?
  kubectl firebreak diff -f profile.yaml`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	o.addFlags(cmd)
	_ = cmd.Flags().MarkHidden("live")
	cmd.Flags().BoolVar(&o.enforce, "enforce", false, "take profiles in Preview as if they were enforced, before and after")
	addOutput(cmd, &o.output, "text", "json", "yaml", "markdown")
	return cmd
}

func (o *diffCommand) run(ctx context.Context, args []string) error {
	before, after, err := o.clusters(ctx, args)
	if refused := (errRefused{}); errors.As(err, &refused) {
		// Of what is refused it cannot be told what it changes.
		return errUntold{refused}
	}
	if err != nil {
		return err
	}
	if o.enforce {
		before, after = before.enforced(), after.enforced()
	}
	d, err := o.compare(before, after)
	if err != nil {
		return err
	}
	if err := o.print(d); err != nil {
		return err
	}
	if d.Counts.Changed() {
		return errNo
	}
	return nil
}

// clusters returns what is to be compared.
func (o *diffCommand) clusters(ctx context.Context, args []string) (before, after scene, err error) {
	switch {
	case len(args) == 2 && o.files.IsEmpty():
		if before, err = o.tree(ctx, args[0]); err != nil {
			return before, after, err
		}
		after, err = o.tree(ctx, args[1])
		return before, after, err
	case len(args) == 0 && !o.files.IsEmpty():
		o.live = true
		r, err := o.read(ctx)
		if err != nil {
			return before, after, err
		}
		return r.scene(r.Base), r.scene(r.Inventory), nil
	}
	return before, after, errors.New("give two files or directories, OLD and NEW, or files to compare the cluster with by -f or -k")
}

// tree reads one side of a comparison without a cluster.
func (o *diffCommand) tree(ctx context.Context, name string) (scene, error) {
	s := newSources(o.shared)
	s.files.Filenames, s.files.Recursive = []string{name}, true
	if manifests.IsKustomization(name) {
		s.files.Filenames, s.files.Kustomize = nil, name
	}
	r, err := s.read(ctx)
	if err != nil {
		return scene{}, err
	}
	return r.scene(r.Inventory), nil
}

// mustSay refuses two trees of which neither has anything that decides about connections: a wrong path would pass for no change.
func mustSay(before, after scene) error {
	for _, s := range []scene{before, after} {
		if len(s.Profiles) > 0 || len(s.Policies) > 0 {
			return nil
		}
	}
	return errors.New("neither OLD nor NEW has a profile or a NetworkPolicy; check the paths")
}

func (o *diffCommand) compare(before, after scene) (render.Diff, error) {
	var d render.Diff
	scope := connectivity.Scope{}
	if namespace := *o.kubeconfig.Namespace; namespace != "" {
		scope.Namespaces = []string{namespace}
	}
	if !o.live {
		if err := errors.Join(mustSay(before, after), mustHave(scope, before, after), mustAct(before, after)); err != nil {
			return d, err
		}
	}
	x, err := viewOf(before, outlook.Settled)
	if err != nil {
		return d, fmt.Errorf("before: %w", err)
	}
	if !o.live {
		// The cluster has what its profiles have left; a tree has not.
		settled, err := outlook.Settled(before.Cluster)
		if err != nil {
			return d, fmt.Errorf("before: %w", err)
		}
		after.Cluster = connectivity.Succeed(settled, after.Cluster)
	}
	y, err := viewOf(after, outlook.Settled)
	if err != nil {
		return d, fmt.Errorf("after: %w", err)
	}
	if d.Comparison, err = connectivity.Compare(x, y, scope); err != nil {
		return d, err
	}
	if d.Guessed && !o.live {
		o.noteAssumptions("-f in place of OLD and NEW")
	}
	return d, o.foresee(&d, after, y, scope)
}

// mustHave returns an error when neither tree has anything in a namespace that was asked for: that no connection changed would be
// about a slip of the pen.
func mustHave(scope connectivity.Scope, before, after scene) error {
	for _, name := range scope.Namespaces {
		_, was := before.Namespace(name)
		if _, is := after.Namespace(name); !was && !is {
			return fmt.Errorf("the files have nothing in namespace %s", name)
		}
	}
	return nil
}

// mustAct returns an error when the trees do not agree about a cluster profile that acts in no namespace of theirs: which connections
// that changes cannot be told.
func mustAct(before, after scene) error {
	acts := func(p snapshot.Profile) bool {
		return slices.ContainsFunc([]scene{before, after}, func(s scene) bool {
			return slices.ContainsFunc(s.Namespaces, func(ns snapshot.Namespace) bool {
				selected, err := p.Selects(ns)
				return err == nil && selected && !s.Options.Protected(ns.Name)
			})
		})
	}
	for _, pair := range [][2]scene{{before, after}, {after, before}} {
		for _, p := range pair[0].Profiles {
			same := func(q snapshot.Profile) bool { return q.Key == p.Key && q.SameSpec(p) }
			if p.Key.Namespace == "" && !slices.ContainsFunc(pair[1].Profiles, same) && !acts(p) {
				return fmt.Errorf("%s changes, and acts in no namespace that is known; give the Namespaces with their labels in both trees, or compare with the cluster by -f", p.Key)
			}
		}
	}
	return nil
}

// foresee adds what enforcing the profiles that are in Preview afterwards would do.
func (o *diffCommand) foresee(d *render.Diff, after scene, now *connectivity.View, scope connectivity.Scope) error {
	for _, p := range after.Profiles {
		if p.Mode == v1alpha1.ModePreview && !p.Deleting && (len(scope.Namespaces) == 0 || p.Key.Namespace == "" || slices.Contains(scope.Namespaces, p.Key.Namespace)) {
			d.Previews = append(d.Previews, p.Key)
		}
	}
	if len(d.Previews) == 0 {
		return nil
	}
	enforced, err := viewOf(after.enforced(), outlook.Settled)
	if err != nil {
		return fmt.Errorf("with previews enforced: %w", err)
	}
	c, err := connectivity.Compare(now, enforced, scope)
	if err != nil {
		return fmt.Errorf("with previews enforced: %w", err)
	}
	d.IfEnforced = &c.Counts
	return nil
}

func (o *diffCommand) print(d render.Diff) error {
	switch o.output {
	case "json":
		return render.JSON(o.streams.Out, render.NewDiffDocument(d))
	case "yaml":
		return render.YAML(o.streams.Out, render.NewDiffDocument(d))
	case "markdown":
		return render.DiffMarkdown(o.streams.Out, d)
	}
	return render.DiffText(o.streams.Out, d, styleFor(o.streams.Out))
}
