package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// server answers as an API server would, from what it is told about each kind of list.
type server func(list client.ObjectList, options *client.ListOptions) error

func (s server) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	return s(list, (&client.ListOptions{}).ApplyOptions(options))
}

func (s server) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	o.SetName(key.Name)
	return nil
}

func forbidden(resource string) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", fmt.Errorf("no"))
}

func podNamed(name string) corev1.Pod {
	return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
}

func TestOnlyOurKindsMissingMeansThatFirebreakIsNotInstalled(t *testing.T) {
	for _, c := range []struct {
		name    string
		missing func(list client.ObjectList) bool
		want    []string
	}{
		{"a cluster older than ServiceCIDRs", func(list client.ObjectList) bool { _, ok := list.(*networkingv1.ServiceCIDRList); return ok }, nil},
		{"a cluster without Firebreak", func(list client.ObjectList) bool { _, ok := list.(*v1alpha1.SegmentationProfileList); return ok }, []string{notInstalled}},
	} {
		found, err := Read(t.Context(), server(func(list client.ObjectList, _ *client.ListOptions) error {
			if c.missing(list) {
				return &meta.NoKindMatchError{}
			}
			return nil
		}), Request{})
		if err != nil || !slices.Equal(found.Notes, c.want) {
			t.Errorf("%s: notes %q, want %q (%v)", c.name, found.Notes, c.want, err)
		}
	}
}

func TestWhatIsReadForTooLongIsReadAgainAtOnce(t *testing.T) {
	found, err := Read(t.Context(), server(func(list client.ObjectList, options *client.ListOptions) error {
		pods, ok := list.(*corev1.PodList)
		switch {
		case !ok:
		case options.Continue != "":
			return apierrors.NewResourceExpired("the token has expired")
		case options.Limit > 0:
			pods.Continue, pods.Items = "more", []corev1.Pod{podNamed("gone-meanwhile")}
		default:
			pods.Items = []corev1.Pod{podNamed("a"), podNamed("b")}
		}
		return nil
	}), Request{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range found.Inventory.Objects() {
		names = append(names, o.GetName())
	}
	if want := []string{"a", "b"}; !slices.Equal(names, want) {
		t.Errorf("pods %q, want %q", names, want)
	}
}

func TestWhoMayNotListNamespacesIsToldThatTheirLabelsAreNotKnown(t *testing.T) {
	found, err := Read(t.Context(), server(func(list client.ObjectList, _ *client.ListOptions) error {
		if _, ok := list.(*corev1.NamespaceList); ok {
			return forbidden("namespaces")
		}
		return nil
	}), Request{Namespaces: []string{"shop"}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(found.Partial, []string{"namespaces"}) {
		t.Errorf("partial %q", found.Partial)
	}
	if len(found.Notes) != 1 || !strings.Contains(found.Notes[0], "of other namespaces than shop no label is known") {
		t.Errorf("notes %q", found.Notes)
	}
}

func TestWhoMayListInOneNamespaceOnlyIsToldWhatIsTakenForOpen(t *testing.T) {
	found, err := Read(t.Context(), server(func(list client.ObjectList, options *client.ListOptions) error {
		if pods, ok := list.(*corev1.PodList); ok {
			if options.Namespace == "" {
				return forbidden("pods")
			}
			pods.Items = []corev1.Pod{podNamed("a")}
		}
		return nil
	}), Request{Namespaces: []string{"shop"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Notes) != 1 || !strings.HasPrefix(found.Notes[0], "You may not list pods in all namespaces, so other namespaces than shop are taken for open") {
		t.Errorf("notes %q", found.Notes)
	}
	if n := len(found.Inventory.Objects()); n != 1 {
		t.Errorf("%d objects, want the pod", n)
	}
}
