package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/internal/clusterflags"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/live"
	"firebreak.dev/firebreak/internal/manifests"
	"firebreak.dev/firebreak/internal/snapshot"
)

// shared is what all commands have.
type shared struct {
	streams    genericiooptions.IOStreams
	kubeconfig *genericclioptions.ConfigFlags
	options    snapshot.Options
}

// operatorNamespace is where the operator is when nobody says otherwise.
const operatorNamespace = "firebreak-system"

func newShared(streams genericiooptions.IOStreams) *shared {
	return &shared{streams: streams, kubeconfig: genericclioptions.NewConfigFlags(true), options: snapshot.DefaultOptions(operatorNamespace)}
}

// addFlags adds the flags that all commands have; -n is each command's own, so that its help shows it.
func (s *shared) addFlags(flags *pflag.FlagSet) {
	namespace := s.kubeconfig.Namespace
	s.kubeconfig.Namespace = nil
	s.kubeconfig.AddFlags(flags)
	s.kubeconfig.Namespace = namespace
	facts := flag.NewFlagSet("", flag.ContinueOnError)
	clusterflags.Add(facts, &s.options)
	flags.AddGoFlagSet(facts)
}

// sources is what a command looks at: a cluster, files, or files over a cluster.
type sources struct {
	*shared
	files         manifests.Input
	live          bool
	allNamespaces bool
	// assumesNothing: what nothing says, such as where the cluster's DNS is, is not assumed.
	assumesNothing bool
}

func newSources(s *shared) *sources {
	return &sources{shared: s, files: manifests.Input{Stdin: s.streams.In}}
}

// addFlags adds the flags by which sources are chosen.
func (s *sources) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(s.kubeconfig.Namespace, "namespace", "n", "", "`namespace` to look at, and of objects that do not say theirs")
	flags.StringSliceVarP(&s.files.Filenames, "filename", "f", nil, "`file` or directory to look at, - for standard input; may be given several times")
	flags.BoolVarP(&s.files.Recursive, "recursive", "R", false, "look into the directories in a directory, too")
	flags.StringVarP(&s.files.Kustomize, "kustomize", "k", "", "kustomize `directory` to look at")
	flags.BoolVar(&s.live, "live", false, "with -f or -k: look at the cluster as it would be with these files applied")
	_ = cmd.MarkFlagFilename("filename", "yaml", "yml", "json")
	_ = cmd.MarkFlagDirname("kustomize")
}

// addAllNamespaces adds -A.
func (s *sources) addAllNamespaces(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&s.allNamespaces, "all-namespaces", "A", false, "look at all namespaces")
}

// offline says whether no cluster is looked at.
func (s *sources) offline() bool { return !s.files.IsEmpty() && !s.live }

// defaultNamespace is that of objects that do not say theirs: -n, or what the kubeconfig says; default when offline.
func (s *sources) defaultNamespace() (string, error) {
	if *s.kubeconfig.Namespace != "" {
		return *s.kubeconfig.Namespace, nil
	}
	if s.offline() {
		return metav1.NamespaceDefault, nil
	}
	namespace, _, err := s.kubeconfig.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	return namespace, nil
}

// reading is what the sources said.
type reading struct {
	// Namespace is that of objects that do not say theirs, and that a command is about when not told otherwise.
	Namespace string
	// Inventory has everything; files over the cluster, if both.
	Inventory *inventory.Inventory
	// Base is the cluster without the files; nil when offline.
	Base *inventory.Inventory
	// Objects are those of the files, with their namespaces.
	Objects []manifests.Object
	// Problems are documents in the files that are no objects.
	Problems []manifests.Problem
	// Repeated are objects of the files that an earlier one in them has the name of, and is not the same. As with kubectl, the last counts.
	Repeated []repeated
	// Offline: no cluster was looked at.
	Offline bool
	// Partial: not all of the cluster may be seen.
	Partial bool
	// AssumedDNS: nothing said where the cluster's DNS is, so that the usual place is assumed.
	AssumedDNS bool
	options    snapshot.Options
	// known are the objects of the files by name.
	known map[inventory.Key]manifests.Object
}

// repeated is an object that stands in two places of the files.
type repeated struct{ first, last manifests.Object }

// Cluster returns what is known.
func (r *reading) Cluster() *snapshot.Cluster { return r.Inventory.Cluster(r.options) }

// read reads everything. Namespaces are those that a command needs to know all of; when empty, it is all namespaces under -A, and
// else those of the reading and of the objects in the files. A document that is no object, and a profile that a cluster would refuse, is an errRefused.
func (s *sources) read(ctx context.Context, namespaces ...string) (*reading, error) {
	r, err := s.readLenient(ctx, namespaces...)
	if err != nil {
		return nil, err
	}
	return r, r.refusals(ctx)
}

// readLenient is like read, and leaves it to the caller to say what is wrong in the files.
func (s *sources) readLenient(ctx context.Context, namespaces ...string) (*reading, error) {
	if s.live && s.files.IsEmpty() {
		return nil, errors.New("--live lays files over the cluster: give them with -f or -k, or leave --live out to look at the cluster as it is")
	}
	r := &reading{Offline: s.offline(), Inventory: inventory.New(), options: s.options}
	var err error
	if r.Namespace, err = s.defaultNamespace(); err != nil {
		return nil, err
	}
	if err := s.readFiles(r); err != nil {
		return nil, err
	}
	if r.Offline {
		r.AssumedDNS = s.assumeDNS(r.Inventory)
		return r, nil
	}
	if len(namespaces) == 0 && !s.allNamespaces {
		namespaces = r.namespaces()
	}
	found, err := s.readCluster(ctx, namespaces)
	if err != nil {
		return nil, err
	}
	r.Base, r.Partial = found.Inventory, len(found.Partial) > 0
	r.Inventory = r.Inventory.Over(r.Base)
	if slices.Contains(found.Partial, "services") {
		r.AssumedDNS = s.assumeDNS(r.Inventory)
	}
	return r, nil
}

// readFiles reads the files into the inventory.
func (s *sources) readFiles(r *reading) error {
	objects, problems, err := manifests.Read(s.files)
	if err != nil {
		return err
	}
	r.Problems = problems
	for _, o := range objects {
		if o.GetNamespace() == "" && inventory.Matters(o.GroupVersionKind()) && !inventory.IsClusterScoped(o.GroupVersionKind().GroupKind()) {
			o.SetNamespace(r.Namespace)
		}
		r.add(o)
	}
	return nil
}

// addUnnamed adds an object whose name the API server is to draw, under one that no other object has. One without anything to
// draw it from is no object. Of profiles, refusals says so.
func (r *reading) addUnnamed(known inventory.Object, from manifests.Object) {
	if known.GetGenerateName() == "" {
		r.Problems = append(r.Problems, manifests.Problem{Source: from.Source, Object: &from, Message: from.GetKind() + ": metadata.name: Required value: name or generateName is required"})
		return
	}
	for n := 0; known.GetName() == "" || r.Inventory.Has(inventory.KeyOf(known)); n++ {
		known.SetName(fmt.Sprintf("%s%05d", known.GetGenerateName(), n))
	}
	r.Inventory.Add(known)
}

// add adds an object of the files, unless a cluster would refuse it.
func (r *reading) add(o manifests.Object) {
	r.Objects = append(r.Objects, o)
	if p, is := misnamed(o); is {
		r.Problems = append(r.Problems, p)
		return
	}
	known, err := inventory.Decode(o.Unstructured)
	switch {
	case err != nil:
		r.Problems = append(r.Problems, undecodable(o, err))
	case known != nil && known.GetName() == "" && !isServed(o.Unstructured):
		r.addUnnamed(known, o)
	case known != nil:
		r.note(inventory.KeyOf(known), o)
		r.Inventory.Add(known)
	}
}

// note remembers where an object stands.
func (r *reading) note(key inventory.Key, o manifests.Object) {
	if before, ok := r.known[key]; ok && !equality.Semantic.DeepEqual(before.Object, o.Object) {
		r.Repeated = append(r.Repeated, repeated{before, o})
	}
	if r.known == nil {
		r.known = map[inventory.Key]manifests.Object{}
	}
	r.known[key] = o
}

// misnamed says whether a cluster would refuse an object for its name or namespace, and why. What was never checked could make a
// terminal show what is not there.
func misnamed(o manifests.Object) (manifests.Problem, bool) {
	if !inventory.Matters(o.GroupVersionKind()) {
		return manifests.Problem{}, false
	}
	var faults []string
	field := "metadata.name"
	if name := o.GetName(); name != "" {
		faults = validation.IsDNS1123Subdomain(name)
	}
	if namespace := o.GetNamespace(); len(faults) == 0 && namespace != "" {
		field, faults = "metadata.namespace", validation.IsDNS1123Label(namespace)
	}
	if len(faults) == 0 {
		return manifests.Problem{}, false
	}
	return manifests.Problem{Source: o.Source.At(field), Message: fmt.Sprintf("%s %q: %s: %s", o.GetKind(), o.GetName(), field, faults[0]), Object: &o}, true
}

// namespaces returns the namespace of the reading and those of all objects in the files, sorted.
func (r *reading) namespaces() []string {
	out := []string{r.Namespace}
	for _, o := range r.Objects {
		if ns := o.GetNamespace(); ns != "" {
			out = append(out, ns)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// unknownField is how errors name a field that does not exist.
var unknownField = regexp.MustCompile(`unknown field "([^"]+)"`)

// undecodable returns what is wrong with an object, at the line of the field if one is named.
func undecodable(o manifests.Object, err error) manifests.Problem {
	p := manifests.Problem{Source: o.Source, Message: fmt.Sprintf("%s %s: %v", o.GetKind(), o.GetName(), err), Object: &o}
	if found := unknownField.FindStringSubmatch(err.Error()); found != nil {
		p.Source = o.Source.At(found[1])
	}
	return p
}

func (s *sources) readCluster(ctx context.Context, namespaces []string) (live.Found, error) {
	c, err := s.client()
	if err != nil {
		return live.Found{}, err
	}
	progress := newProgress(s.streams.ErrOut)
	found, err := live.Read(ctx, c, live.Request{Namespaces: namespaces, Progress: progress.reading})
	progress.end()
	if err != nil {
		return live.Found{}, err
	}
	for _, note := range found.Notes {
		fmt.Fprintln(s.streams.ErrOut, "Note:", note)
	}
	return found, nil
}

func (s *shared) client() (client.WithWatch, error) {
	if s.knowsNoCluster() {
		return nil, errors.New("no cluster is configured; choose one with --kubeconfig, --context or --server, or look at files with -f")
	}
	config, err := s.kubeconfig.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	return live.NewClient(config)
}

// knowsNoCluster says whether nothing says where a cluster is; the usual client would try this machine then.
func (s *shared) knowsNoCluster() bool {
	config, err := s.kubeconfig.ToRawKubeConfigLoader().RawConfig()
	return err == nil && len(config.Clusters) == 0 && *s.kubeconfig.APIServer == "" && os.Getenv("KUBERNETES_SERVICE_HOST") == ""
}
