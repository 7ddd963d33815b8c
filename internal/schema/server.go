package schema

import (
	"fmt"
	"io/fs"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	structuraldefaulting "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/config/crd"
)

// Server stands for an API server that serves Firebreak's kinds. Its methods may be used side by side.
type Server struct {
	kinds map[kubeschema.GroupVersionKind]func() (*kind, error)
}

// kind is one kind of object in one version, ready to judge objects.
type kind struct {
	gvk        kubeschema.GroupVersionKind
	namespaced bool
	// status is true when the status is written on its own, so that create ignores it.
	status     bool
	structural *structuralschema.Structural
	openAPI    validation.SchemaValidator
	rules      *cel.Validator
}

// New returns a server with the definitions that this program was built with. Each kind is prepared when its first
// object comes, because compiling the rules of a kind takes about a tenth of a second.
func New() (*Server, error) {
	paths, err := fs.Glob(crd.Bases, "bases/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list the definitions in this program: %w", err)
	}
	s := &Server{kinds: map[kubeschema.GroupVersionKind]func() (*kind, error){}}
	for _, path := range paths {
		definition, err := read(path)
		if err != nil {
			return nil, err
		}
		for i := range definition.Spec.Versions {
			version := &definition.Spec.Versions[i]
			gvk := kubeschema.GroupVersionKind{Group: definition.Spec.Group, Version: version.Name, Kind: definition.Spec.Names.Kind}
			s.kinds[gvk] = sync.OnceValues(func() (*kind, error) { return newKind(definition, version) })
		}
	}
	return s, nil
}

// Serves says whether objects of a kind can be judged.
func (s *Server) Serves(gvk kubeschema.GroupVersionKind) bool {
	_, served := s.kinds[gvk]
	return served
}

func read(path string) (*apiextensionsv1.CustomResourceDefinition, error) {
	text, err := crd.Bases.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a definition in this program: %w", err)
	}
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(text, definition); err != nil {
		return nil, fmt.Errorf("read the definition %s in this program: %w", path, err)
	}
	return definition, nil
}

// newKind prepares a version of a definition as the API server does before it serves it.
func newKind(definition *apiextensionsv1.CustomResourceDefinition, version *apiextensionsv1.CustomResourceDefinitionVersion) (*kind, error) {
	k := &kind{
		gvk:        kubeschema.GroupVersionKind{Group: definition.Spec.Group, Version: version.Name, Kind: definition.Spec.Names.Kind},
		namespaced: definition.Spec.Scope == apiextensionsv1.NamespaceScoped,
		status:     version.Subresources != nil && version.Subresources.Status != nil,
	}
	internal := &apiextensions.CustomResourceValidation{}
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(version.Schema, internal, nil); err != nil {
		return nil, fmt.Errorf("convert the schema of %s: %w", k.gvk.Kind, err)
	}
	structural, err := structuralschema.NewStructural(internal.OpenAPIV3Schema)
	if err != nil {
		return nil, fmt.Errorf("make the schema of %s structural: %w", k.gvk.Kind, err)
	}
	// A structural schema shares its defaults with what it was made of.
	k.structural = structural.DeepCopy()
	if err := structuraldefaulting.PruneDefaults(k.structural); err != nil {
		return nil, fmt.Errorf("prune the defaults of %s: %w", k.gvk.Kind, err)
	}
	if k.openAPI, _, err = validation.NewSchemaValidator(internal.OpenAPIV3Schema); err != nil {
		return nil, fmt.Errorf("prepare the schema of %s: %w", k.gvk.Kind, err)
	}
	k.rules = cel.NewValidator(k.structural, true, celconfig.PerCallLimit)
	return k, nil
}
