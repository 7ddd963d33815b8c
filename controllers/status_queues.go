package controllers

import (
	"context"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/snapshot"
)

// statusQueues leads from whatever changed to the work queues of the status controllers. Before those run, changes are
// dropped: at their start they look at every profile.
type statusQueues struct {
	mu     sync.Mutex
	byKind map[v1alpha1.Kind]queue
	// looks are the last looks at profiles of many namespaces.
	looks map[snapshot.ProfileKey]look
}

// look is a look at all namespaces of a profile.
type look struct {
	took time.Duration
	// left is how many namespaces had yet to be examined, less what was reported since.
	left int
}

const (
	// foldDelay gathers what several namespaces report into one look at a profile.
	foldDelay = 50 * time.Millisecond
	// foldFactor is how many times longer than a look at a profile takes more is gathered for the next one: those looks should
	// take no more than a hundredth of a core from those who write policies. longestFold bounds it, lest a condition be late.
	foldFactor  = 100
	longestFold = 500 * time.Millisecond
)

// foldedIn notes how long a look at a profile took, and how many namespaces it found that had yet to be examined.
func (s *statusQueues) foldedIn(key snapshot.ProfileKey, took time.Duration, left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if foldFactor*took <= foldDelay {
		delete(s.looks, key)
		return
	}
	if s.looks == nil {
		s.looks = map[snapshot.ProfileKey]look{}
	}
	s.looks[key] = look{took, left}
}

// forget drops a profile that is gone.
func (s *statusQueues) forget(key snapshot.ProfileKey) { s.foldedIn(key, 0, 0) }

func (s *statusQueues) set(kind v1alpha1.Kind, q queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKind == nil {
		s.byKind = map[v1alpha1.Kind]queue{}
	}
	s.byKind[kind] = q
}

// runs says whether a status controller does. While none does, nothing may be read from the cache, either: that would start its informers
// on a replica that stands by, and what they know may be old when it leads.
func (s *statusQueues) runs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byKind) > 0
}

func (s *statusQueues) add(key snapshot.ProfileKey, after time.Duration) {
	s.mu.Lock()
	q, gathered := s.byKind[key.Kind], min(foldFactor*s.looks[key].took, longestFold)
	s.mu.Unlock()
	if q != nil {
		q.AddAfter(requestOf(key), max(after, gathered))
	}
}

// onOutcome wakes a profile of which a namespace has something new to say: at once, when it may be the last that was waited for.
func (s *statusQueues) onOutcome(key snapshot.ProfileKey) {
	s.mu.Lock()
	l := s.looks[key]
	isLast := l.left == 1
	if l.left > 0 {
		l.left--
		s.looks[key] = l
	}
	q := s.byKind[key.Kind]
	s.mu.Unlock()
	if isLast && q != nil {
		q.AddAfter(requestOf(key), foldDelay)
		return
	}
	s.add(key, foldDelay)
}

// onPods wakes the profiles that count the pods of these namespaces.
func (s *statusQueues) onPods(namespaces map[string]bool, reader *cluster.Reader) {
	if !s.runs() {
		return
	}
	s.profilesOf(namespaces, reader, 0)
}

// onOtherPolicies wakes the profiles of a namespace in which other policies came or went, or every profile when those are
// in no namespace, or cannot be read.
func (s *statusQueues) onOtherPolicies(namespace string, reader *cluster.Reader) {
	if !s.runs() {
		return
	}
	if namespace == metav1.NamespaceAll {
		s.allProfiles(reader)
		return
	}
	s.profilesOf(map[string]bool{namespace: true}, reader, foldDelay)
}

// profilesOf wakes the profiles that apply to one of these namespaces.
func (s *statusQueues) profilesOf(names map[string]bool, reader *cluster.Reader, after time.Duration) {
	ctx := context.Background()
	for name := range names {
		s.segmentationProfiles(ctx, reader, after, client.InNamespace(name))
	}
	all, err := reader.Namespaces(ctx)
	if err != nil {
		return
	}
	var namespaces []snapshot.Namespace
	for _, ns := range all {
		if names[ns.Name] {
			namespaces = append(namespaces, ns)
		}
	}
	profiles, err := reader.ClusterProfiles(ctx)
	if err != nil {
		return
	}
	for _, p := range profiles {
		selected := func(ns snapshot.Namespace) bool { selects, err := p.Selects(ns); return selects && err == nil }
		if slices.ContainsFunc(namespaces, selected) {
			s.add(p.Key, after)
		}
	}
}

// allProfiles wakes every profile.
func (s *statusQueues) allProfiles(reader *cluster.Reader) {
	if !s.runs() {
		return
	}
	ctx := context.Background()
	s.segmentationProfiles(ctx, reader, foldDelay)
	s.allClusterProfiles(ctx, reader)
}

// segmentationProfiles wakes the SegmentationProfiles that the options choose. Before the cache has started it does
// nothing: the status controllers will look at every profile then.
func (s *statusQueues) segmentationProfiles(ctx context.Context, reader *cluster.Reader, after time.Duration, opts ...client.ListOption) {
	var list v1alpha1.SegmentationProfileList
	if err := reader.Cache.List(ctx, &list, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		return
	}
	for _, p := range list.Items {
		s.add(snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: p.Namespace, Name: p.Name}, after)
	}
}

// allClusterProfiles wakes every cluster profile: which namespaces there are, or their labels, changed.
func (s *statusQueues) allClusterProfiles(ctx context.Context, reader *cluster.Reader) {
	profiles, err := reader.ClusterProfiles(ctx)
	if err != nil {
		log.FromContext(ctx).Error(err, "List cluster profiles")
		return
	}
	for _, p := range profiles {
		s.add(p.Key, foldDelay)
	}
}
