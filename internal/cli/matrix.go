package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"firebreak.dev/firebreak/internal/connectivity"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/render"
	"firebreak.dev/firebreak/internal/snapshot"
)

// matrixCommand is `kubectl firebreak matrix`.
type matrixCommand struct {
	*sources
	enforce bool
	output  string
}

func newMatrixCommand(s *shared) *cobra.Command {
	o := &matrixCommand{sources: newSources(s)}
	cmd := &cobra.Command{
		Use:   "matrix [-f FILE | -k DIRECTORY]",
		Short: "Show who can reach whom",
		Long: `Show who can reach whom: tiers, workloads in no tier, pods of other namespaces, the internet.

It looks at all NetworkPolicies together, whoever wrote them, with the namespace's connections to all that
it talks to. Pods of one tier or workload are one party. A party without pods is judged by a pod such as its
selector would choose. Ports are those of the pods, after Services.`,
		Example: `  # Who may talk to whom in this profile?
  kubectl firebreak matrix -f config/samples/three-tier.yaml

  # What is possible in the cluster now, as a spreadsheet
  kubectl firebreak matrix -n production -o csv`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.addFlags(cmd)
	o.addAllNamespaces(cmd)
	cmd.Flags().BoolVar(&o.enforce, "enforce", false, "take profiles in Preview as if they were enforced")
	addOutput(cmd, &o.output, "text", "csv", "json", "yaml", "markdown")
	return cmd
}

func (o *matrixCommand) run(ctx context.Context) error {
	r, err := o.read(ctx)
	if err != nil {
		return err
	}
	known := r.scene(r.Inventory)
	look := outlook.Settled
	if o.files.IsEmpty() {
		look = outlook.AsIs
	}
	if o.enforce {
		known, look = known.enforced(), outlook.Settled
	}
	scope := o.scope(r)
	v, err := viewOf(known, look)
	if err != nil {
		return err
	}
	m, err := connectivity.Table(v, scope)
	if err != nil {
		return err
	}
	if m.IsEmpty() {
		return o.empty(r, known, m)
	}
	if m.Guessed && r.Offline {
		o.noteAssumptions("--live")
	}
	o.noteHostNetwork(scope, known)
	return o.print(m)
}

// empty says that there is nothing to judge, which is not the same as that nothing is allowed.
func (o *matrixCommand) empty(r *reading, known scene, m *connectivity.Matrix) error {
	where := ""
	if !o.allNamespaces && (!r.Offline || *o.kubeconfig.Namespace != "") {
		where = " in namespace " + r.Namespace
	}
	if r.Offline && slices.ContainsFunc(known.Profiles, func(p snapshot.Profile) bool { return p.Key.Namespace == "" }) {
		return errors.New(nowhereKnown)
	}
	if r.Offline {
		return fmt.Errorf("no profiles, NetworkPolicies or workloads in the files%s", where)
	}
	fmt.Fprintf(o.streams.ErrOut, "No profiles, NetworkPolicies or pods found%s.\n", where)
	if o.output == "text" || o.output == "markdown" {
		return nil
	}
	return o.print(m)
}

func (o *matrixCommand) print(m *connectivity.Matrix) error {
	switch o.output {
	case "csv":
		return render.MatrixCSV(o.streams.Out, m)
	case "json":
		return render.JSON(o.streams.Out, render.NewMatrixDocument(m))
	case "yaml":
		return render.YAML(o.streams.Out, render.NewMatrixDocument(m))
	case "markdown":
		return render.MatrixMarkdown(o.streams.Out, m)
	}
	return render.MatrixText(o.streams.Out, m, styleFor(o.streams.Out))
}

// scene is a cluster with how much of it is known.
type scene struct {
	*snapshot.Cluster
	coverage connectivity.Coverage
}

// scene returns what objects say of a cluster. They are all of it when the namespace is among them that every cluster has, and a
// node: whoever may not see all namespaces does not see both. To speak of a namespace, as the cluster's DNS does that is taken for
// granted, is not to have it.
func (r *reading) scene(objects *inventory.Inventory) scene {
	out := scene{Cluster: objects.Cluster(r.options), coverage: connectivity.PartOfCluster}
	system := inventory.Key{GroupKind: schema.GroupKind{Kind: "Namespace"}, Name: metav1.NamespaceSystem}
	if !r.Partial && objects.Has(system) && len(out.Facts.Nodes) > 0 {
		out.coverage = connectivity.WholeCluster
	}
	return out
}

// enforced returns the scene when every profile that is in Preview is enforced.
func (s scene) enforced() scene { return scene{outlook.Enforced(s.Cluster), s.coverage} }

// viewOf returns a cluster as connections are judged in it.
func viewOf(known scene, look func(*snapshot.Cluster) (*outlook.Outlook, error)) (*connectivity.View, error) {
	o, err := look(known.Cluster)
	if err != nil {
		return nil, err
	}
	return connectivity.Of(o, known.coverage), nil
}

// scope returns the namespaces that are asked for: that of -n; all with -A and for files alone; those of the files, where they lie
// over a cluster.
func (s *sources) scope(r *reading) connectivity.Scope {
	switch {
	case s.allNamespaces:
		return connectivity.Scope{}
	case *s.kubeconfig.Namespace != "":
		return connectivity.Scope{Namespaces: []string{r.Namespace}}
	case r.Offline:
		return connectivity.Scope{}
	case s.files.IsEmpty():
		return connectivity.Scope{Namespaces: []string{r.Namespace}}
	}
	var names []string
	for _, object := range r.Objects {
		if inventory.IsClusterScoped(object.GroupVersionKind().GroupKind()) {
			return connectivity.Scope{}
		}
		if name := object.GetNamespace(); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return connectivity.Scope{Namespaces: names}
}

// nowhereKnown says that a cluster profile acts in namespaces, of which none is known.
const nowhereKnown = "the files have a ClusterSegmentationProfile and no namespace; give the Namespaces with their labels, or --live"

// maxNamed is how many workloads a note names.
const maxNamed = 3

// noteHostNetwork names the workloads that are not in the answer because no NetworkPolicy governs them.
func (s *shared) noteHostNetwork(scope connectivity.Scope, known scene) {
	var names []string
	for _, p := range known.Pods {
		name := p.Workload.String() + " in " + p.Namespace
		if p.HostNetwork && !p.Completed && (len(scope.Namespaces) == 0 || slices.Contains(scope.Namespaces, p.Namespace)) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	if more := len(names) - maxNamed; more > 0 {
		names = append(names[:maxNamed], fmt.Sprintf("%d more", more))
	}
	fmt.Fprintf(s.streams.ErrOut, "Note: NetworkPolicies do not govern pods on the host network, which can reach what their nodes can: %s.\n", strings.Join(names, ", "))
}
