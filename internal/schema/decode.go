package schema

import (
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	structuraldefaulting "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	schemaobjectmeta "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	structuralpruning "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/crdserverscheme"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
)

// decode reads an object as the API server reads the body of a request with strict field validation: without the fields
// that the kind does not have, and with defaults. It returns what strictness objects to, in the API server's order. The
// error is that of a body that cannot be an object of the kind at all.
func (k *kind) decode(request Request) (*unstructured.Unstructured, []error, error) {
	serializer := json.NewSerializerWithOptions(json.DefaultMetaFactory, nil, crdserverscheme.NewUnstructuredObjectTyper(),
		json.SerializerOptions{Strict: true, Yaml: request.Format == YAML})
	object := &unstructured.Unstructured{}
	var strict []error
	if _, _, err := serializer.Decode(request.Text, &k.gvk, object); err != nil {
		strictErr, ok := runtime.AsStrictDecodingError(err)
		if !ok {
			return nil, nil, err
		}
		strict = strictErr.Errors()
	}
	unknown, err := k.coerce(object)
	if err != nil {
		return nil, nil, err
	}
	for _, path := range unknown {
		strict = append(strict, unknownField(path))
	}
	structuraldefaulting.Default(object.Object, k.structural)
	return object, strict, nil
}

// coerce drops what the kind has no place for and returns the paths of it: of metadata first, then of the rest, sorted.
// This is what unstructuredSchemaCoercer does in the API server's handler.
func (k *kind) coerce(object *unstructured.Unstructured) ([]string, error) {
	apiVersion, kindName := object.GetAPIVersion(), object.GetKind()
	meta, found, unknown, err := schemaobjectmeta.GetObjectMetaWithOptions(object.Object,
		schemaobjectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	if err != nil {
		return nil, err
	}
	unknown = append(unknown, structuralpruning.PruneWithOptions(object.Object, k.structural, true,
		structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	structuraldefaulting.PruneNonNullableNullsWithoutDefaults(object.Object, k.structural)
	object.SetKind(kindName)
	object.SetAPIVersion(apiVersion)
	if found {
		if err := schemaobjectmeta.SetObjectMeta(object.Object, meta); err != nil {
			return nil, err
		}
	}
	return unknown, nil
}
