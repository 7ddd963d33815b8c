package cluster

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// listing counts the lists of a cluster of namespaces; during is done while one is under way.
func listing(t *testing.T) (r *Reader, add func(name string), lists *int, during *func()) {
	t.Helper()
	lists, during = new(int), new(func())
	c := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			*lists++
			err := c.List(ctx, list, opts...)
			if *during != nil {
				(*during)()
			}
			return err
		},
	}).Build()
	return &Reader{Cache: c}, func(name string) {
		if err := c.Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Error(err)
		}
	}, lists, during
}

func namesOf(t *testing.T, r *Reader) string {
	t.Helper()
	all, err := r.Namespaces(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, ns := range all {
		names += ns.Name + " "
	}
	return names
}

func TestNamespacesAreListedOnceUntilOneChanges(t *testing.T) {
	r, add, lists, _ := listing(t)
	add("b")
	r.NamespacesChanged()
	for range 3 {
		if got := namesOf(t, r); got != "b " || *lists != 1 {
			t.Fatalf("%q after %d lists", got, *lists)
		}
	}
	add("a")
	r.NamespacesChanged()
	if got := namesOf(t, r); got != "a b " || *lists != 2 {
		t.Errorf("%q after %d lists", got, *lists)
	}
}

func TestNamespacesAreNotKeptBeforeSomebodyTellsOfChanges(t *testing.T) {
	r, add, _, _ := listing(t)
	add("a")
	namesOf(t, r)
	add("b")
	if got := namesOf(t, r); got != "a b " {
		t.Errorf("got %q", got)
	}
}

func TestAListFromBeforeAChangeIsNotKeptAfterIt(t *testing.T) {
	r, add, _, during := listing(t)
	add("a")
	r.NamespacesChanged()
	*during = func() {
		*during = nil
		add("b")
		r.NamespacesChanged()
	}
	namesOf(t, r)
	if got := namesOf(t, r); got != "a b " {
		t.Errorf("got %q", got)
	}
}
