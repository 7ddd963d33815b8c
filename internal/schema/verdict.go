package schema

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Verdict is what the API server makes of an object.
type Verdict struct {
	// Object is the object as the API server would store it, with defaults and without what the kind does not have. It is
	// there even when Unknown or Invalid say that it would be refused, and nil only when it is Undecodable.
	Object *unstructured.Unstructured
	// Undecodable is why the text is no object of this kind at all: a list where there should be a text, say. Nothing else
	// is known then.
	Undecodable error
	// Unknown is what strict field validation refuses: fields given twice, then those that the kind does not have. Each is
	// an UnknownField or the text of a decoder. The API server stops here; Invalid says what it would say after that.
	Unknown []error
	// Invalid are the rules that the object breaks: of metadata, of the schema, of lists, and the CEL rules, each group by
	// field.
	Invalid field.ErrorList

	kind kubeschema.GroupVersionKind
	name string
}

// UnknownField is the complaint about a field that the kind does not have.
type UnknownField struct {
	// Path is the field, such as spec.tiers[0].egress.
	Path string
}

func unknownField(path string) error { return &UnknownField{Path: path} }

// Error is the complaint as the API server words it.
func (e *UnknownField) Error() string { return `unknown field "` + e.Path + `"` }

// Err returns the API server's answer, an apierrors.StatusError with its message and causes, or nil when it takes the
// object.
func (v *Verdict) Err() error {
	switch {
	case v.Undecodable != nil:
		return v.badRequest(v.Undecodable)
	case len(v.Unknown) > 0:
		return v.badRequest(runtime.NewStrictDecodingError(v.Unknown))
	case len(v.Invalid) > 0:
		return apierrors.NewInvalid(v.kind.GroupKind(), v.name, v.Invalid)
	}
	return nil
}

func (v *Verdict) badRequest(err error) error {
	return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", v.kind.Kind, v.kind.Version, v.kind.Kind, err))
}
