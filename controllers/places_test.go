package controllers

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/snapshot"
)

func TestANamespaceIsKeptAsItIsAndNotAsItWasListed(t *testing.T) {
	ctx := context.Background()
	c := newCluster(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: map[string]string{"team": "b"}}})
	places := newPlaceCache(&cluster.Reader{Cache: c, Pods: listedPods(t)})
	for range 2 {
		// It was listed before it was given to another team, and looked at after.
		place, err := places.get(ctx, snapshot.Namespace{Name: "web", Labels: map[string]string{"team": "a"}})
		if err != nil {
			t.Fatal(err)
		}
		if team := place.Namespace.Labels["team"]; team != "b" {
			t.Errorf("it is of team %s", team)
		}
	}
}

func TestANamespaceThatIsGoneIsNotKept(t *testing.T) {
	places := newPlaceCache(&cluster.Reader{Cache: newCluster(t), Pods: listedPods(t)})
	if _, err := places.get(context.Background(), snapshot.Namespace{Name: "gone"}); err != nil {
		t.Fatal(err)
	}
	if len(places.places) > 0 {
		t.Errorf("kept are %v", places.places)
	}
}
