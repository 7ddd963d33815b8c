package truth

import (
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// version is one version of a profile of either kind.
type version struct {
	object *unstructured.Unstructured
	uid    types.UID
	// revision is its resourceVersion. It may be as old as from, when the versions before it were not seen.
	revision, from uint64
	seen           time.Time

	generation int64
	deleting   bool
	spec       spec
	status     v1alpha1.ProfileStatus
}

// spec is what both kinds of profile have in common and matters here.
type spec struct {
	Mode      v1alpha1.Mode      `json:"mode"`
	Isolation v1alpha1.Isolation `json:"isolation"`
	Tiers     []tier             `json:"tiers"`
}

type tier struct {
	Name              string                `json:"name"`
	PodSelector       *metav1.LabelSelector `json:"podSelector"`
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector"`
}

// newVersion reads a profile. The versions since the revision from, that one among them, were not seen.
func newVersion(object *unstructured.Unstructured, from uint64, seen time.Time) (*version, error) {
	revision, err := revisionOf(object.GetResourceVersion())
	if err != nil {
		return nil, err
	}
	var content struct {
		Spec   spec                   `json:"spec"`
		Status v1alpha1.ProfileStatus `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &content); err != nil {
		return nil, fmt.Errorf("read %s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
	}
	return &version{
		object: object, uid: object.GetUID(), revision: revision, from: min(from, revision), seen: seen,
		generation: object.GetGeneration(), deleting: object.GetDeletionTimestamp() != nil,
		spec: content.Spec, status: content.Status,
	}, nil
}

func revisionOf(resourceVersion string) (uint64, error) {
	revision, err := strconv.ParseUint(resourceVersion, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read resourceVersion: %w", err)
	}
	return revision, nil
}

// isObserved says whether the status speaks of this generation.
func (v *version) isObserved() bool { return v.status.ObservedGeneration == v.generation }

func (v *version) condition(kind string) *metav1.Condition {
	return meta.FindStatusCondition(v.status.Conditions, kind)
}

func (v *version) isTrue(kind string) bool {
	return meta.IsStatusConditionTrue(v.status.Conditions, kind)
}

// isPreviewed says whether nothing is written for the profile: its own mode, or that of the operator, is Preview.
func (v *version) isPreviewed() bool {
	return v.spec.Mode == v1alpha1.ModePreview || v.status.Preview != nil
}

// selects says whether there is any namespace in which the profile acts.
func (v *version) selects() bool {
	return v.status.Namespaces != nil && v.status.Namespaces.Selected > 0
}

// hasEverything says whether a status counts every selected namespace as applied.
func (v *version) hasEverything() bool {
	n := v.status.Namespaces
	return n != nil && n.Applied == n.Selected && n.Failed == 0
}

// String shows the object as YAML, without what only machines read.
func (v *version) String() string {
	shown := v.object.DeepCopy()
	unstructured.RemoveNestedField(shown.Object, "metadata", "managedFields")
	text, err := yaml.Marshal(shown.Object)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
