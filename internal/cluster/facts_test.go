package cluster

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"firebreak.dev/firebreak/internal/snapshot"
)

// load loads facts from objects and pods, and returns also what is followed.
func load(t *testing.T, pods *Pods, objects []client.Object, references ...snapshot.Fact) (snapshot.Facts, []snapshot.Fact, error) {
	t.Helper()
	r := &Reader{Cache: fake.NewClientBuilder().WithObjects(objects...).Build(), Pods: pods}
	var followed []snapshot.Fact
	facts, err := r.facts(t.Context(), references, func(f snapshot.Fact) { followed = append(followed, f) })
	return facts, followed, err
}

// listed returns pods that have been listed, one with each of these addresses.
func listed(t *testing.T, addresses ...string) *Pods {
	t.Helper()
	pods := NewPods(PodEvents{})
	var list []any
	for i, addr := range addresses {
		list = append(list, sent(with(pod(fmt.Sprint(i), "web"), func(p *corev1.Pod) { p.Status.PodIPs = []corev1.PodIP{{IP: addr}} })))
	}
	if err := pods.Replace(list, "1"); err != nil {
		t.Fatal(err)
	}
	return pods
}

// apiServer returns the API server's Service and an EndpointSlice of it.
func apiServer(addresses ...string) []client.Object {
	return []client.Object{
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes"}},
		&discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
			Endpoints:  []discoveryv1.Endpoint{{Addresses: addresses}},
		},
	}
}

func TestWhatTwoPeersReferToIsLookedUpOnce(t *testing.T) {
	asAPIServer := snapshot.Fact{Kind: snapshot.FactAPIServer}
	byName := snapshot.Fact{Kind: snapshot.FactService, Namespace: "default", Name: "kubernetes"}
	for _, references := range [][]snapshot.Fact{{asAPIServer}, {byName}, {asAPIServer, byName}, {byName, asAPIServer}} {
		facts, followed, err := load(t, listed(t, "10.0.0.1"), apiServer("10.0.0.1", "192.168.0.10"), references...)
		if err != nil || len(facts.Services) != 1 || len(facts.EndpointSlices) != 1 {
			t.Errorf("%v: %d services and %d slices: %v", references, len(facts.Services), len(facts.EndpointSlices), err)
		}
		for addr, want := range map[string]bool{"10.0.0.1": true, "192.168.0.10": false} {
			if got, known := facts.PodAddresses[netip.MustParseAddr(addr)]; !known || got != want {
				t.Errorf("%v: that %s is a pod's is %t, known %t", references, addr, got, known)
			}
			if !slices.Contains(followed, snapshot.Fact{Kind: snapshot.FactPodAddress, Name: addr}) {
				t.Errorf("%v: %s is not followed, only %v", references, addr, followed)
			}
		}
	}
}

func TestTheAPIServerIsNotKnownWhilePodsAreNot(t *testing.T) {
	if _, _, err := load(t, NewPods(PodEvents{}), apiServer("10.0.0.1"), snapshot.Fact{Kind: snapshot.FactAPIServer}); err == nil {
		t.Error("its addresses were told from pods that are not listed yet")
	}
}

func TestNoMoreAddressesAreFollowedThanAreTaken(t *testing.T) {
	var addresses []string
	for i := range snapshot.MaxEndpoints + 500 {
		addresses = append(addresses, fmt.Sprintf("192.0.%d.%d", i/200, i%200))
	}
	facts, followed, err := load(t, listed(t), apiServer(addresses...), snapshot.Fact{Kind: snapshot.FactAPIServer})
	if err != nil || len(followed) != snapshot.MaxEndpoints+1 || len(facts.PodAddresses) != snapshot.MaxEndpoints {
		t.Errorf("%d facts are followed and %d addresses known: %v", len(followed), len(facts.PodAddresses), err)
	}
}
