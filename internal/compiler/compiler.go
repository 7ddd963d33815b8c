package compiler

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Compiler compiles as Compile does, and remembers of each cluster profile what it came to where the same tiers live: in most of
// those namespaces it comes to the same. It recalls that only for the very same profile, and equal facts and options, where nothing
// depended on which namespace it was. Policies that it returns share all but their namespace, and must not be changed.
// The zero value is ready to use, by several goroutines.
type Compiler struct {
	mu       sync.Mutex
	versions map[snapshot.ProfileKey]*version
}

// Compile returns what the function Compile returns.
func (k *Compiler) Compile(s snapshot.Snapshot) []Output {
	outputs := make([]Output, 0, len(s.Profiles))
	clusterProfiles := 0
	for _, p := range s.Profiles {
		if p.Key.Kind != v1alpha1.KindClusterSegmentationProfile {
			// It is compiled for one namespace, and remembering every one would take more memory than time.
			outputs = append(outputs, compileProfile(s, p))
			continue
		}
		clusterProfiles++
		outputs = append(outputs, k.version(p).compile(s))
	}
	k.forgetOthers(s.Profiles, clusterProfiles)
	return outputs
}

// forgetOthers drops profiles that are gone, when there are more than so many: each snapshot has all cluster profiles.
func (k *Compiler) forgetOthers(profiles []snapshot.Profile, number int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.versions) <= number {
		return
	}
	left := make(map[snapshot.ProfileKey]*version, number)
	for _, p := range profiles {
		if v, ok := k.versions[p.Key]; ok {
			left[p.Key] = v
		}
	}
	k.versions = left
}

// version returns what is remembered of this version of a profile.
func (k *Compiler) version(p snapshot.Profile) *version {
	k.mu.Lock()
	defer k.mu.Unlock()
	known, ok := k.versions[p.Key]
	if ok && isSame(known.profile, p) {
		return known
	}
	if k.versions == nil {
		k.versions = map[snapshot.ProfileKey]*version{}
	}
	fresh := &version{profile: p, valid: sync.OnceValue(func() bool { return isValid(p) })}
	k.versions[p.Key] = fresh
	return fresh
}

// isSame says whether two profiles are one value: equal in all that is compared easily, and with the same lists in memory. Nobody
// changes those.
func isSame(a, b snapshot.Profile) bool {
	if !sameList(a.Tiers, b.Tiers) || !sameList(a.Allow, b.Allow) || a.NamespaceSelector != b.NamespaceSelector {
		return false
	}
	a.Tiers, a.Allow, b.Tiers, b.Allow = nil, nil, nil, nil
	return reflect.DeepEqual(a, b)
}

func sameList[T any](a, b []T) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

// version is one version of a cluster profile.
type version struct {
	profile snapshot.Profile
	// valid says whether its spec is, which takes a while to find out.
	valid func() bool

	mu sync.Mutex
	// last is what it came to last, by the tiers that live there.
	last map[string]*remembered
}

// maxRemembered bounds how many sets of living tiers are told apart: most profiles have one, and those for an application in several
// namespaces as many as these. What has more peers than maxPeersBeside takes the place of all others: one with the addresses of all
// nodes must not be held a dozen times.
const (
	maxRemembered  = 16
	maxPeersBeside = 1250
)

func (v *version) recall(lives string) *remembered {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last[lives]
}

func (v *version) remember(lives string, r *remembered) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, had := v.last[lives]; v.last == nil || !had && len(v.last) >= maxRemembered || r.peers > maxPeersBeside {
		v.last = map[string]*remembered{}
	}
	v.last[lives] = r
}

// remembered is what a profile came to in a namespace, and from what.
type remembered struct {
	facts   snapshot.Facts
	options snapshot.Options
	// others are the namespaces in which it may come to something else.
	others map[string]bool
	output Output
	// peers is the number of those of all its policies.
	peers int
}

func (v *version) compile(s snapshot.Snapshot) Output {
	out, lives := decide(s, v.profile, v.valid)
	if lives == nil {
		return out
	}
	tiers := fmt.Sprint(lives)
	if r := v.recall(tiers); r.holds(s, out) {
		return r.in(s.Namespace.Name)
	}
	c := newCompilation(s, v.profile, lives)
	whole := c.output(out)
	if !c.here.local && whole.Disposition != Freeze {
		r := &remembered{facts: s.Facts, options: s.Options, others: c.here.others, output: whole}
		for i := range whole.Policies {
			r.peers += countPeers(whole.Policies[i].Spec)
		}
		v.remember(tiers, r)
	}
	return whole
}

// holds says whether what is remembered, nil for nothing, is what the profile comes to here too.
func (r *remembered) holds(s snapshot.Snapshot, decided Output) bool {
	return r != nil && !r.others[s.Namespace.Name] && r.output.Disposition == decided.Disposition &&
		reflect.DeepEqual(r.options, s.Options) && reflect.DeepEqual(r.facts, s.Facts)
}

// in returns what is remembered as what it is in a namespace.
func (r *remembered) in(namespace string) Output {
	out := r.output
	out.Policies = slices.Clone(r.output.Policies)
	for i := range out.Policies {
		out.Policies[i].Namespace = namespace
	}
	return out
}
