package health

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// KStatus returns what kstatus says of an object.
func KStatus(object *unstructured.Unstructured) (kstatus.Status, error) {
	result, err := kstatus.Compute(object)
	if err != nil {
		return "", fmt.Errorf("kstatus of %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return result.Status, nil
}

// Unstructured returns a typed object as the API server sends it, apart from zero values. The object's kind is looked up
// in the scheme, because clients drop it.
func Unstructured(object client.Object, scheme *runtime.Scheme) (*unstructured.Unstructured, error) {
	out := &unstructured.Unstructured{}
	if err := scheme.Convert(object, out, nil); err != nil {
		return nil, fmt.Errorf("convert %T %s: %w", object, object.GetName(), err)
	}
	return out, nil
}
