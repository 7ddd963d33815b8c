package truth

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/test/health"
)

// Violation is a version of a profile that breaks a rule.
type Violation struct {
	// Rule is the promise that is broken, and How says in which way.
	Rule, How string
	// Seen is when the version was delivered.
	Seen time.Time
	// Object is the version as YAML.
	Object string
}

// String says everything, in several lines.
func (v Violation) String() string {
	return fmt.Sprintf("%s.\nBut: %s\nat %s, in\n%s", v.Rule, v.How, v.Seen.Format("15:04:05.000"), v.Object)
}

// Report is what was judged.
type Report struct {
	// Versions and Profiles count what was judged; Healthy counts the versions that Argo CD calls so.
	Versions, Profiles, Healthy int
	// Violations are in the order in which the versions came.
	Violations []Violation
	// Gaps is how often versions, or policies, may have been missed.
	Gaps int
}

// String says how much was judged, and how much of it is wrong, in one line.
func (r Report) String() string {
	return fmt.Sprintf("%d versions of %d profiles judged, %d of them healthy: %d violations; versions may have been missed %d times",
		r.Versions, r.Profiles, r.Healthy, len(r.Violations), r.Gaps)
}

// record keeps what a recorder saw, and judges it. Who adds to it holds mu.
type record struct {
	judges judges

	mu       sync.Mutex
	versions []*version
	// latest is the last revision of each profile; reached the last of each resource.
	latest  map[types.UID]uint64
	reached map[string]uint64
	gaps    int

	policies *standing
	// errs are objects that could not be read.
	errs []error
}

func newRecord(argo *health.ArgoCD) *record {
	return &record{
		judges: judges{argo}, latest: map[types.UID]uint64{}, reached: map[string]uint64{}, policies: newStanding(),
	}
}

// profile notes a version that a watch of a resource delivered.
func (r *record) profile(resource string, object *unstructured.Unstructured, seen time.Time) error {
	return r.add(resource, object, math.MaxUint64, seen)
}

// profiles notes all profiles of a resource that there are, after versions were missed.
func (r *record) profiles(resource string, objects []*unstructured.Unstructured, revision uint64, seen time.Time) error {
	from := r.reached[resource] + 1
	if r.reached[resource] > 0 {
		r.gaps++
	}
	for _, object := range objects {
		if err := r.add(resource, object, from, seen); err != nil {
			return err
		}
	}
	r.reached[resource] = max(r.reached[resource], revision)
	return nil
}

func (r *record) add(resource string, object *unstructured.Unstructured, from uint64, seen time.Time) error {
	v, err := newVersion(object, from, seen)
	if err != nil {
		return err
	}
	r.reached[resource] = max(r.reached[resource], v.revision)
	if r.latest[v.uid] < v.revision {
		r.latest[v.uid] = v.revision
		r.versions = append(r.versions, v)
	}
	return nil
}

// has says whether a version of a profile, or a later one, was seen.
func (r *record) has(uid types.UID, revision uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest[uid] >= revision
}

// hasPolicies says whether all that became of policies up to a revision was seen.
func (r *record) hasPolicies(revision uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.policies.reached >= revision
}

// judge judges every version so far.
func (r *record) judge(ctx context.Context) (Report, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := Report{Versions: len(r.versions), Profiles: len(r.latest), Gaps: r.gaps + max(0, len(r.policies.gaps)-1)}
	if len(r.errs) > 0 {
		return report, r.errs[0]
	}
	known := histories{}
	for _, v := range r.versions {
		broken := r.judges.broken(ctx, v)
		for _, rule := range rules() {
			if how := rule.broken(v); how != "" {
				broken[rule.name] = how
			}
		}
		wishes, err := known.of(v)
		if err != nil {
			return report, err
		}
		if missing := wishes.missing(v, r.policies); len(missing) > 0 {
			slices.Sort(missing)
			broken["Ready means that the policies stand"] = strings.Join(missing, "\n")
		}
		for _, name := range slices.Sorted(maps.Keys(broken)) {
			report.Violations = append(report.Violations, Violation{name, broken[name], v.seen, v.String()})
		}
		if verdict, err := r.judges.argo.Judge(ctx, v.object); err == nil && verdict.Status == health.Healthy {
			report.Healthy++
		}
	}
	return report, nil
}
