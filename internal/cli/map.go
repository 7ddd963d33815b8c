package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/render"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/topology"
)

// mapCommand is `kubectl firebreak map`.
type mapCommand struct {
	*sources
	enforce bool
	output  string
}

func newMapCommand(s *shared) *cobra.Command {
	o := &mapCommand{sources: newSources(s)}
	cmd := &cobra.Command{
		Use:   "map [PROFILE...] [-f FILE | -k DIRECTORY]",
		Short: "Draw who may talk to whom",
		Long: `Draw who may talk to whom: tiers and those outside that they talk to, with what profiles allow between them.
What is denied is left out. Findings are marked where they belong, such as a flow that the other end denies.

With files, it draws the profiles in them; without, those that act in the namespace (-n), or all (-A). Names
choose some of these: shop, or production/shop. A profile in Preview is drawn as not in force; --enforce draws
what would be if it were.

The formats: text for a terminal; svg for a document or a slide; html for one file that a browser opens, to
search, filter and read what is behind each arrow; mermaid for Markdown, as GitHub and many wikis show it; dot
for Graphviz; json and yaml for programs.

Exit codes: 0 it was drawn; 1 a profile in the files would be refused; 2 it could not be done.`,
		Example: `  # Who may talk to whom in this file?
  kubectl firebreak map -f config/samples/three-tier.yaml

  # A picture for a pull request, and one for a slide
  kubectl firebreak map -f config/samples/three-tier.yaml -o mermaid
  kubectl firebreak map -f config/samples/three-tier.yaml -o svg >shop.svg

  # The whole cluster, as it is, and as a page for an auditor
  kubectl firebreak map -A
  kubectl firebreak map -A -o html >cluster.html`,
		ValidArgsFunction: o.completeNames,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	o.addFlags(cmd)
	o.addAllNamespaces(cmd)
	cmd.Flags().BoolVar(&o.enforce, "enforce", false, "draw profiles in Preview as if they were enforced")
	addOutput(cmd, &o.output, "text", "svg", "html", "mermaid", "dot", "json", "yaml")
	return cmd
}

func (o *mapCommand) run(ctx context.Context, names []string) error {
	r, err := o.read(ctx)
	if err != nil {
		return err
	}
	cluster := r.Cluster()
	view, err := o.look(cluster)
	if err != nil {
		return err
	}
	profiles, err := o.chosen(r, view, names)
	if err != nil {
		return err
	}
	if len(profiles) == 0 {
		if err := o.nothing(r); err != nil || (o.output != "json" && o.output != "yaml") {
			return err
		}
	}
	g, err := topology.Of(topology.Input{Profiles: profiles, Outlook: view, Partial: r.Offline || r.Partial})
	if err != nil {
		return err
	}
	if err := o.print(g); err != nil {
		return err
	}
	o.notes(r, g, cluster)
	return nil
}

// completeNames completes the names of profiles, for a shell.
func (o *mapCommand) completeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	r, err := o.read(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for key := range o.wanted(r, r.Cluster()) {
		if name := strings.TrimPrefix(key.Namespace+"/"+key.Name, "/"); !slices.Contains(args, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}

// look returns the cluster as it is; with files, or when previews are to be enforced, as it will be.
func (o *mapCommand) look(cluster *snapshot.Cluster) (*outlook.Outlook, error) {
	switch {
	case o.enforce:
		return outlook.Settled(outlook.Enforced(cluster))
	case o.files.IsEmpty():
		return outlook.AsIs(cluster)
	}
	return outlook.Settled(cluster)
}

// chosen returns the profiles that are named; without names, those that are wanted and act in the namespace that is looked at. A
// name without a profile is an error. A profile that a preview takes the place of is not drawn beside it.
func (o *mapCommand) chosen(r *reading, view *outlook.Outlook, names []string) ([]snapshot.Profile, error) {
	wanted := o.wanted(r, view.Cluster)
	var out []snapshot.Profile
	used := map[string]bool{}
	for _, p := range view.Cluster.Profiles {
		isReplaced := p.Deleting && o.enforce
		if !wanted[p.Key] || isReplaced {
			continue
		}
		name := nameAmong(names, p.Key)
		used[name] = true
		if name != "" || (len(names) == 0 && o.isInScope(r, view, p)) {
			out = append(out, p)
		}
	}
	for _, name := range names {
		if !used[name] {
			return nil, fmt.Errorf("no profile %s %s; there %s", name, o.scope(r), available(wanted))
		}
	}
	return out, nil
}

// nameAmong returns the name by which a profile is meant, with its namespace or without; empty when it is not.
func nameAmong(names []string, key snapshot.ProfileKey) string {
	for _, name := range names {
		if name == key.Name || name == key.Namespace+"/"+key.Name {
			return name
		}
	}
	return ""
}

// maxNames is how many profiles are named to somebody who named none of them.
const maxNames = 8

// available lists profiles.
func available(profiles map[snapshot.ProfileKey]bool) string {
	var names []string
	for key := range profiles {
		names = append(names, strings.TrimPrefix(key.Namespace+"/"+key.Name, "/"))
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
		return "is none"
	case len(names) == 1:
		return "is " + names[0]
	case len(names) > maxNames:
		return fmt.Sprintf("are %s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
	}
	return "are " + strings.Join(names, ", ")
}

// isInScope says whether a profile is drawn when none is named: of the cluster's own, those that act in the namespace.
func (o *mapCommand) isInScope(r *reading, view *outlook.Outlook, p snapshot.Profile) bool {
	if !o.files.IsEmpty() || o.allNamespaces || p.Key.Namespace != "" {
		return true
	}
	ns := view.In(r.Namespace)
	if ns == nil {
		return false
	}
	for _, output := range ns.Outputs {
		if output.Profile.Key == p.Key {
			return output.Selected
		}
	}
	return false
}

// scope says where profiles were looked for.
func (o *mapCommand) scope(r *reading) string {
	switch {
	case !o.files.IsEmpty():
		return "in the files"
	case o.allNamespaces:
		return "in the cluster"
	}
	return "in namespace " + r.Namespace
}

func (o *mapCommand) print(g *topology.Graph) error {
	switch o.output {
	case "svg":
		return render.MapSVG(o.streams.Out, g)
	case "html":
		return render.MapHTML(o.streams.Out, g)
	case "mermaid":
		return render.MapMermaid(o.streams.Out, g)
	case "dot":
		return render.MapDOT(o.streams.Out, g)
	case "json":
		return render.JSON(o.streams.Out, g)
	case "yaml":
		return render.YAML(o.streams.Out, g)
	}
	return render.MapText(o.streams.Out, g, styleFor(o.streams.Out))
}

const (
	// What GitHub draws at most of a Mermaid flowchart (maxEdges of Mermaid's configuration, which a page cannot raise).
	mermaidMaxArrows = 500
	// From so many arrows on, nobody can follow one of them in a picture, and a page of them takes megabytes and seconds to open.
	crowdedArrows = 1000
)

// notes says on standard error what a reader of the picture must know.
func (o *mapCommand) notes(r *reading, g *topology.Graph, known *snapshot.Cluster) {
	remote := map[string]bool{}
	for _, p := range known.Profiles {
		remote[p.Key.Namespace+"/"+p.Key.Name] = true
	}
	assumed := func(b topology.Box) bool {
		return b.Kind == topology.BoxPods || b.Kind == topology.BoxService || (b.Kind == topology.BoxRemoteTier && !remote[b.Where])
	}
	if r.Offline && slices.ContainsFunc(g.Boxes, assumed) {
		o.noteAssumptions("--live")
	}
	o.noteCrowd(g)
}

// noteCrowd says that a picture has too many arrows.
func (o *mapCommand) noteCrowd(g *topology.Graph) {
	switch {
	case o.output == "mermaid" && len(g.Arrows) > mermaidMaxArrows:
		fmt.Fprintf(o.streams.ErrOut, "Note: the picture has %d arrows, and Mermaid draws %d at most; name some profiles, or use -o html.\n", len(g.Arrows), mermaidMaxArrows)
	case (o.output == "svg" || o.output == "html") && len(g.Arrows) > crowdedArrows:
		instead := "look at them as a table: kubectl firebreak matrix"
		if len(g.Profiles) > 1 {
			instead = "name some profiles, or " + instead
		}
		fmt.Fprintf(o.streams.ErrOut, "Note: the picture has %d arrows, which nobody can follow; %s.\n", len(g.Arrows), instead)
	}
}
