package cluster

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// oneNode is a cache that holds one node; listed is called after its list was made.
type oneNode struct {
	client.Reader
	address string
	listed  func()
	lists   int
}

func (c *oneNode) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	nodes, ok := list.(*corev1.NodeList)
	if !ok {
		return nil
	}
	c.lists++
	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: c.address}}
	nodes.Items = []corev1.Node{node}
	if c.listed != nil {
		c.listed()
	}
	return nil
}

func ranges(t *testing.T, r *Reader) string {
	t.Helper()
	got, err := r.clusterRanges(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(got)
}

func TestRangesAreRememberedUntilSomethingChanges(t *testing.T) {
	cached := &oneNode{address: "203.0.113.1"}
	r := &Reader{Cache: cached, Live: cached}
	for range 3 {
		if got := ranges(t, r); got != "[203.0.113.1/32]" {
			t.Errorf("got %s", got)
		}
	}
	if cached.lists != 2 {
		t.Errorf("nodes were listed %d times, want once from the cache and once from the API server", cached.lists)
	}
	cached.address = "203.0.113.2"
	r.RangesChanged()
	if got := ranges(t, r); got != "[203.0.113.2/32]" {
		t.Errorf("after a change: %s", got)
	}
}

func TestRangesThatChangeWhileTheyAreReadAreNotRemembered(t *testing.T) {
	cached := &oneNode{address: "203.0.113.1"}
	r := &Reader{Cache: cached, Live: cached}
	cached.listed = func() {
		cached.listed, cached.address = nil, "203.0.113.2"
		r.RangesChanged()
	}
	ranges(t, r)
	if got := ranges(t, r); got != "[203.0.113.2/32]" {
		t.Errorf("what was read before a change is remembered after it: %s", got)
	}
}

func TestRangesThatTheCacheLacksStayUntilTheAPIServerLacksThemToo(t *testing.T) {
	cached, live := &oneNode{address: "10.0.0.1"}, &oneNode{address: "203.0.113.1"}
	r := &Reader{Cache: cached, Live: live}
	for range 3 {
		if got := ranges(t, r); got != "[203.0.113.1/32]" {
			t.Errorf("a cache that lacks a node after a start is believed: %s", got)
		}
	}
	if live.lists != 1 {
		t.Errorf("the API server is asked %d times while nothing changes", live.lists)
	}
	cached.address = "203.0.113.1"
	r.RangesChanged()
	if got := ranges(t, r); got != "[203.0.113.1/32]" || live.lists != 1 {
		t.Errorf("got %s after %d lists of the API server, want no more than the first", got, live.lists)
	}
	cached.address = "10.0.0.1"
	r.RangesChanged()
	if got := ranges(t, r); got != "[203.0.113.1/32]" {
		t.Errorf("a cache that lost a node is believed: %s", got)
	}
	live.address = "10.0.0.1"
	r.RangesChanged()
	if got := ranges(t, r); got != "[]" {
		t.Errorf("a node that is gone is left out still: %s", got)
	}
	lists := live.lists
	r.RangesChanged()
	if got := ranges(t, r); got != "[]" || live.lists != lists {
		t.Errorf("got %s, and the API server is asked although nothing is less", got)
	}
}

func TestRangesAreUnknownWhileTheAPIServerCannotBeAskedAboutThem(t *testing.T) {
	r := &Reader{Cache: &oneNode{address: "203.0.113.1"}, Live: unreadable{}}
	if got, err := r.clusterRanges(t.Context()); err == nil {
		t.Errorf("got %v", got)
	}
}

// unreadable is an API server that does not answer.
type unreadable struct{ client.Reader }

func (unreadable) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("no answer")
}
