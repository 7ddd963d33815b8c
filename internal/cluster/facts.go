package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// factLoader looks facts up. What does not exist is left out; that something cannot be known is an error.
type factLoader struct {
	reader *Reader
	follow func(snapshot.Fact)
	facts  snapshot.Facts
}

func (r *Reader) facts(ctx context.Context, references []snapshot.Fact, follow func(snapshot.Fact)) (snapshot.Facts, error) {
	l := &factLoader{reader: r, follow: follow}
	for _, fact := range references {
		follow(fact)
		if err := l.load(ctx, fact); err != nil {
			return snapshot.Facts{}, err
		}
	}
	return l.facts, nil
}

func (l *factLoader) load(ctx context.Context, fact snapshot.Fact) error {
	var err error
	switch fact.Kind {
	case snapshot.FactDNS:
		return l.loadDNS(ctx)
	case snapshot.FactService:
		return l.loadService(ctx, types.NamespacedName{Namespace: fact.Namespace, Name: fact.Name})
	case snapshot.FactAPIServer:
		key := snapshot.APIServerService()
		if _, err = l.addService(ctx, key); err == nil {
			err = l.addEndpoints(ctx, key)
		}
	case snapshot.FactProfile:
		return l.loadProfile(ctx, snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: fact.Namespace, Name: fact.Name})
	case snapshot.FactNodes:
		l.facts.Nodes, err = l.reader.nodes(ctx)
	case snapshot.FactClusterRanges:
		l.facts.ClusterRanges, err = l.reader.clusterRanges(ctx)
	case snapshot.FactPodAddress:
		// Looked up with the Service whose EndpointSlices name the address.
	}
	return err
}

func (l *factLoader) loadDNS(ctx context.Context) error {
	for _, namespace := range l.reader.Options.DNSNamespaces() {
		var list corev1.ServiceList
		if err := l.reader.Cache.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			return fmt.Errorf("list services of %s: %w", namespace, err)
		}
		// The cache lists in no order, and equal facts should look equal.
		slices.SortFunc(list.Items, func(a, b corev1.Service) int { return strings.Compare(a.Name, b.Name) })
		for i := range list.Items {
			l.add(list.Items[i])
		}
	}
	return nil
}

// add adds a Service once: what DNS is looked up in, peers may name too.
func (l *factLoader) add(service corev1.Service) {
	if !slices.ContainsFunc(l.facts.Services, func(s corev1.Service) bool { return s.Namespace == service.Namespace && s.Name == service.Name }) {
		l.facts.Services = append(l.facts.Services, service)
	}
}

// loadService looks up a Service and, when it has no selector, its EndpointSlices and whose addresses those are.
func (l *factLoader) loadService(ctx context.Context, name types.NamespacedName) error {
	service, err := l.addService(ctx, name)
	if err != nil || service == nil || len(service.Spec.Selector) > 0 || service.Spec.Type == corev1.ServiceTypeExternalName {
		return err
	}
	return l.addEndpoints(ctx, name)
}

// addEndpoints adds the EndpointSlices of a Service once, and looks up which of the addresses in them are those of pods.
func (l *factLoader) addEndpoints(ctx context.Context, service types.NamespacedName) error {
	if slices.ContainsFunc(l.facts.EndpointSlices, func(s discoveryv1.EndpointSlice) bool { return snapshot.IsOf(&s, service) }) {
		return nil
	}
	var list discoveryv1.EndpointSliceList
	err := l.reader.Cache.List(ctx, &list, client.InNamespace(service.Namespace),
		client.MatchingLabels{discoveryv1.LabelServiceName: service.Name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return fmt.Errorf("list endpoint slices of service %s: %w", service, err)
	}
	if !l.reader.Pods.Synced() {
		return fmt.Errorf("tell pods among the endpoints of service %s: %w", service, ErrPodsNotListed)
	}
	slices.SortFunc(list.Items, func(a, b discoveryv1.EndpointSlice) int { return strings.Compare(a.Name, b.Name) })
	l.facts.EndpointSlices = append(l.facts.EndpointSlices, list.Items...)
	if l.facts.PodAddresses == nil {
		l.facts.PodAddresses = map[netip.Addr]bool{}
	}
	addresses, _ := snapshot.AddressesOf(service, list.Items)
	for _, addr := range addresses {
		l.follow(snapshot.Fact{Kind: snapshot.FactPodAddress, Name: addr.String()})
		l.facts.PodAddresses[addr] = l.reader.Pods.HasAddress(addr)
	}
	return nil
}

// addService returns nil when there is no such Service.
func (l *factLoader) addService(ctx context.Context, name types.NamespacedName) (*corev1.Service, error) {
	var service corev1.Service
	if err := l.reader.Cache.Get(ctx, name, &service); err != nil {
		return nil, client.IgnoreNotFound(fmt.Errorf("read service %s: %w", name, err))
	}
	l.add(service)
	return &service, nil
}

func (l *factLoader) loadProfile(ctx context.Context, key snapshot.ProfileKey) error {
	p, ok, err := Profile(ctx, l.reader.Cache, key)
	if ok {
		l.facts.RemoteProfiles = append(l.facts.RemoteProfiles, p)
	}
	return err
}
