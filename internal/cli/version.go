package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/internal/render"
	"firebreak.dev/firebreak/internal/version"
)

// versionTimeout bounds the look at the cluster, which is not what everybody asks for who asks for the version.
const versionTimeout = 10 * time.Second

// versionCommand is `kubectl firebreak version`.
type versionCommand struct {
	*shared
	plugin     version.Info
	clientOnly bool
	output     string
}

// versions is what the command prints as JSON or YAML.
type versions struct {
	Plugin version.Info `json:"plugin"`
	// Operators are those of the cluster; nil, and left out, when that is not known; empty when there is none.
	Operators []operator `json:"operators,omitzero"`
}

// operator is an operator in the cluster, as its Deployment says.
type operator struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Version is the tag of its image, or the digest where there is no tag.
	Version string `json:"version"`
	Image   string `json:"image"`
}

func newVersionCommand(s *shared, pluginVersion string) *cobra.Command {
	o := &versionCommand{shared: s, plugin: version.Get()}
	o.plugin.Version = pluginVersion
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of the plugin and of the operator",
		Long: `Print the versions of the plugin and of the operator.

The operator's is the tag of the image in its Deployment, looked for by its labels. Where the cluster cannot
be asked, the version is unknown, and standard error says why; the exit code is 0 all the same.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&o.clientOnly, "client", false, "print the plugin's version only, and ask no cluster")
	addOutput(cmd, &o.output, "text", "json", "yaml")
	return cmd
}

func (o *versionCommand) run(ctx context.Context) error {
	found := versions{Plugin: o.plugin}
	if !o.clientOnly {
		operators, err := o.operators(ctx)
		if err != nil {
			fmt.Fprintln(o.streams.ErrOut, "Note: the operator's version is unknown:", err)
		}
		found.Operators = operators
	}
	return o.print(found)
}

// operators returns the operators in the cluster, empty when there is none. An error means that this is not known.
func (o *versionCommand) operators(ctx context.Context) ([]operator, error) {
	if o.knowsNoCluster() {
		return nil, errors.New("no cluster is configured")
	}
	c, err := o.client()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	return findOperators(ctx, c)
}

// findOperators looks for operators in all namespaces, or in the usual one where only that may be looked at.
func findOperators(ctx context.Context, reader client.Reader) ([]operator, error) {
	labels := client.MatchingLabels{"app.kubernetes.io/name": "firebreak", "app.kubernetes.io/component": "controller-manager"}
	var list appsv1.DeploymentList
	err := reader.List(ctx, &list, labels)
	if apierrors.IsForbidden(err) {
		// Nothing in the usual namespace says nothing of the others.
		usual := reader.List(ctx, &list, labels, client.InNamespace(operatorNamespace))
		if usual == nil && len(list.Items) > 0 {
			err = nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("list deployments: %w", err)
	}
	out := []operator{}
	for i := range list.Items {
		image := operatorImage(&list.Items[i].Spec.Template)
		out = append(out, operator{list.Items[i].Namespace, list.Items[i].Name, imageVersion(image), image})
	}
	return out, nil
}

// operatorImage returns the image of the operator's container, by which sidecars are told from it; empty when there is none.
func operatorImage(template *corev1.PodTemplateSpec) string {
	name := cmp.Or(template.Annotations["kubectl.kubernetes.io/default-container"], "manager")
	for _, container := range template.Spec.Containers {
		if container.Name == name {
			return container.Image
		}
	}
	return ""
}

// imageVersion returns the tag of an image, else its digest, else latest, which is what a runtime takes then.
func imageVersion(image string) string {
	name, digest, _ := strings.Cut(image, "@")
	_, tag, _ := strings.Cut(name[strings.LastIndex(name, "/")+1:], ":")
	return cmp.Or(tag, digest, "latest")
}

func (o *versionCommand) print(found versions) error {
	switch o.output {
	case "json":
		return render.JSON(o.streams.Out, found)
	case "yaml":
		return render.YAML(o.streams.Out, found)
	}
	fmt.Fprintln(o.streams.Out, "Plugin version:  ", found.Plugin.Version)
	switch {
	case o.clientOnly:
	case found.Operators == nil:
		fmt.Fprintln(o.streams.Out, "Operator version: unknown")
	case len(found.Operators) == 0:
		fmt.Fprintln(o.streams.Out, "Operator version: no operator found")
	}
	for _, each := range found.Operators {
		fmt.Fprintf(o.streams.Out, "Operator version: %s in namespace %s\n", each.Version, each.Namespace)
	}
	return nil
}
