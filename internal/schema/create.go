package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"

	structuraldefaulting "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	structurallisttype "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	schemaobjectmeta "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/operation"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/features"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
)

// generatedSuffix stands for the five characters that an API server draws for metadata.generateName.
const generatedSuffix = "xxxxx"

// maxGeneratedPrefix is how much of metadata.generateName an API server keeps before those (k8s.io/apiserver
// storage/names MaxGeneratedNameLength).
const maxGeneratedPrefix = 58

// Format is the language of an object's text.
type Format int

// The formats.
const (
	// YAML is a single YAML document.
	YAML Format = iota
	// JSON is a single JSON object.
	JSON
)

// Request is an object to create.
type Request struct {
	// Kind is what the request is for; it must be one that the server Serves.
	Kind kubeschema.GroupVersionKind
	// Text is the object as the user wrote it.
	Text   []byte
	Format Format
	// Namespace is where an object of a namespaced kind goes that names no namespace itself.
	Namespace string
}

// Create judges an object as the API server does that is asked to create it with strict field validation, as kubectl
// asks. The error is that of a kind that is not served.
func (s *Server) Create(ctx context.Context, request Request) (*Verdict, error) {
	prepare, served := s.kinds[request.Kind]
	if !served {
		return nil, fmt.Errorf("%s is not a kind of Firebreak", request.Kind)
	}
	k, err := prepare()
	if err != nil {
		return nil, err
	}
	verdict := &Verdict{kind: k.gvk}
	object, strict, err := k.decode(request)
	if err != nil {
		verdict.Undecodable = err
		return verdict, nil //nolint:nilerr // The error is the verdict.
	}
	verdict.Unknown = strict
	k.complete(object, request.Namespace)
	verdict.name = object.GetName()
	verdict.Invalid = k.validate(ctx, object)
	// What is read back from storage has the defaults of what create took away.
	structuraldefaulting.Default(object.Object, k.structural)
	verdict.Object = object
	return verdict, nil
}

// complete does what precedes the validation of a new object: it loses what only the system writes and its status, and
// gets its namespace and name.
func (k *kind) complete(object *unstructured.Unstructured, namespace string) {
	object.SetCreationTimestamp(metav1.Time{})
	object.SetUID("")
	object.SetDeletionTimestamp(nil)
	object.SetDeletionGracePeriodSeconds(nil)
	object.SetSelfLink("")
	switch {
	case !k.namespaced:
		object.SetNamespace("")
	case object.GetNamespace() == "":
		object.SetNamespace(namespace)
	}
	if prefix := object.GetGenerateName(); prefix != "" && object.GetName() == "" {
		object.SetName(prefix[:min(len(prefix), maxGeneratedPrefix)] + generatedSuffix)
	}
	if k.status {
		delete(object.Object, "status")
	}
	object.SetGeneration(1)
}

// validate goes through the checks in the order of the API server's strategy for custom resources.
func (k *kind) validate(ctx context.Context, object *unstructured.Unstructured) field.ErrorList {
	errs := k.validateTypeMeta(object)
	if len(errs) == 0 {
		errs = append(errs, k.validateObjectMeta(ctx, object)...)
		errs = append(errs, byField(validation.ValidateCustomResource(nil, object.Object, k.openAPI))...)
	}
	errs = append(errs, byField(schemaobjectmeta.Validate(ctx, nil, object.Object, k.structural, false))...)
	errs = append(errs, byField(structurallisttype.ValidateListSetsAndMaps(nil, k.structural, object.Object))...)
	if blocksRules(errs) {
		return append(errs, field.Invalid(nil, nil,
			"some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"))
	}
	broken, _ := k.rules.Validate(ctx, nil, k.structural, object.Object, nil, celconfig.RuntimeCELCostBudget)
	errs = append(errs, byField(broken)...)
	if len(errs) == 0 {
		errs = metavalidation.ValidateObjectMetaAccessor(object, k.namespaced, pathSegment, field.NewPath("metadata"))
	}
	return errs
}

// byField sorts errors by field. The API server walks over maps and so lists them in another order each time.
func byField(errs field.ErrorList) field.ErrorList {
	slices.SortStableFunc(errs, func(a, b *field.Error) int { return strings.Compare(a.Field, b.Field) })
	return errs
}

// blocksRules says whether errors make the API server leave out the CEL rules (hasBlockingErr of its strategy for custom
// resources): rules are written for objects of the right shape and size.
func blocksRules(errs field.ErrorList) bool {
	return slices.ContainsFunc(errs, func(err *field.Error) bool {
		switch err.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			return true
		default:
			return false
		}
	})
}

func (k *kind) validateTypeMeta(object *unstructured.Unstructured) field.ErrorList {
	var errs field.ErrorList
	if got := object.GetKind(); got != k.gvk.Kind {
		errs = append(errs, field.Invalid(field.NewPath("kind"), got, "must be "+k.gvk.Kind))
	}
	if got, want := object.GetAPIVersion(), k.gvk.GroupVersion().String(); got != want {
		errs = append(errs, field.Invalid(field.NewPath("apiVersion"), got, "must be "+want))
	}
	return errs
}

func (k *kind) validateObjectMeta(ctx context.Context, object *unstructured.Unstructured) field.ErrorList {
	path := field.NewPath("metadata")
	meta := &metav1.ObjectMeta{}
	if raw, ok := object.Object["metadata"].(map[string]any); ok {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, meta); err != nil {
			return field.ErrorList{field.Invalid(path, raw, err.Error())}
		}
	}
	return metavalidation.ValidateObjectMetaDeclaratively(ctx, operation.Create, meta, nil, k.namespaced, metavalidation.NameIsDNSSubdomain, path,
		utilfeature.DefaultFeatureGate.Enabled(features.DeclarativeValidationBeta))
}

// pathSegment is the rule of the API server for names of all kinds.
func pathSegment(name string, prefix bool) []string {
	if prefix {
		return content.IsPathSegmentPrefix(name)
	}
	return content.IsPathSegmentName(name)
}
