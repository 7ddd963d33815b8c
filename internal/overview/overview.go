package overview

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Input is what an overview is made from.
type Input struct {
	// Inventory has the profiles, as the API server has them, with their statuses; the namespaces; their policies; and the facts
	// that Facts names.
	Inventory *inventory.Inventory
	Options   snapshot.Options
	// Namespace is the one that is looked at; empty for all.
	Namespace string
	// Names are the profiles that are wanted; empty for all.
	Names []Name
	Gaps  Gaps
	// Operator is what is known of the operator besides the statuses.
	Operator Operator
	Now      time.Time
}

// Name names one profile, or two of different kinds.
type Name struct {
	// Kind is empty for either.
	Kind v1alpha1.Kind
	Name string
}

// Gaps are what could not be seen. Each is half a sentence that says why, such as "you may not list services in namespace
// kube-system", and empty when it was seen.
type Gaps struct {
	// ClusterProfiles is about all cluster profiles.
	ClusterProfiles string
	// Namespaces is about the labels of the namespaces looked at.
	Namespaces string
	// Policies is about the policies in them.
	Policies string
	// Fact is about one fact; nil when all of them were seen.
	Fact func(snapshot.Fact) string
}

// Overview is how a number of profiles are.
type Overview struct {
	// Namespace is the one that was looked at; empty for all.
	Namespace string   `json:"namespace,omitempty"`
	Operator  Operator `json:"operator"`
	Summary   Summary  `json:"summary"`
	// Profiles are sorted: those of namespaces by namespace and name, then those of the cluster by name.
	Profiles []Profile `json:"profiles"`
	// Notes say, in a sentence each, what could not be seen and may be missing therefore.
	Notes []string `json:"notes,omitempty"`
	// Missing are the names under which there is no profile.
	Missing []Name `json:"-"`
}

// Summary counts the profiles.
type Summary struct {
	Profiles int `json:"profiles"`
	Well     int `json:"well"`
	// Problems counts those that are not well, each under its gravest problem.
	Problems map[ProblemKind]int `json:"problems,omitempty"`
}

// Of returns the overview. Equal input gives equal output.
func Of(in Input) *Overview {
	v := newView(in)
	out := &Overview{Namespace: in.Namespace, Profiles: []Profile{}, Notes: in.notes()}
	profiles := v.profiles()
	out.Missing = in.missing(profiles)
	now := lookNow(in)
	for _, p := range profiles {
		p.Policies = v.policies[p.key]
		p.Now = now.of(p.key)
		p.Problems = problemsOf(p)
		p.Well = len(p.Problems) == 0
		out.Profiles = append(out.Profiles, p)
	}
	out.Summary = summarize(out.Profiles)
	out.Operator = in.Operator.confirmedBy(out.Profiles, in.Now)
	return out
}

// Well says whether every profile is well and nothing speaks against an operator that keeps them so.
func (o *Overview) Well() bool {
	return o.Summary.Well == o.Summary.Profiles && o.Operator.State != OperatorNotSeen
}

func summarize(profiles []Profile) Summary {
	s := Summary{Profiles: len(profiles)}
	for _, p := range profiles {
		if p.Well {
			s.Well++
			continue
		}
		if s.Problems == nil {
			s.Problems = map[ProblemKind]int{}
		}
		s.Problems[p.Problems[0].Kind]++
	}
	return s
}

// view is an input with what is looked up in it again and again.
type view struct {
	Input
	objects []inventory.Object
	// here is the namespace that is looked at, when it is known to exist.
	here *snapshot.Namespace
	// policies are those of each profile where it is looked, sorted by namespace and name.
	policies map[snapshot.ProfileKey][]Policy
}

func newView(in Input) *view {
	v := &view{Input: in, objects: in.Inventory.Objects(), policies: map[snapshot.ProfileKey][]Policy{}}
	for _, o := range v.objects {
		switch o := o.(type) {
		case *corev1.Namespace:
			if ns, ok := in.Inventory.Cluster(in.Options).Namespace(o.Name); ok && o.Name == in.Namespace {
				v.here = &ns
			}
		case *networkingv1.NetworkPolicy:
			v.addPolicy(o)
		}
	}
	return v
}

func (v *view) addPolicy(policy *networkingv1.NetworkPolicy) {
	if v.Namespace != "" && policy.Namespace != v.Namespace {
		return
	}
	if key, _, ok := plan.Owner(policy); ok {
		v.policies[key] = append(v.policies[key], Policy{Namespace: policy.Namespace, Name: policy.Name, Tier: policy.Labels[v1alpha1.LabelTier]})
	}
}

// profiles returns those that are to be told about.
func (v *view) profiles() []Profile {
	var out []Profile
	for _, o := range v.objects {
		if p, full, ok := profileOf(o); ok && v.wants(p, full) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Profile) int {
		return cmp.Or(-cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// wants says whether a profile is to be told about. A cluster profile that is named need not act in the namespace.
func (v *view) wants(p Profile, full snapshot.Profile) bool {
	switch {
	case p.Namespace != "" && v.Namespace != "" && p.Namespace != v.Namespace:
		return false
	case len(v.Names) > 0:
		return slices.ContainsFunc(v.Names, func(n Name) bool { return n.matches(p) })
	case p.Namespace != "" || v.Namespace == "":
		return true
	}
	return len(v.policies[p.key]) > 0 || v.actsHere(full)
}

// actsHere says whether a cluster profile acts in the namespace that is looked at.
func (v *view) actsHere(p snapshot.Profile) bool {
	if v.here == nil || v.Options.Protected(v.here.Name) {
		return false
	}
	selects, err := p.Selects(*v.here)
	return err == nil && selects
}

func (n Name) matches(p Profile) bool { return n.Name == p.Name && (n.Kind == "" || n.Kind == p.Kind) }

// missing returns the names that no profile has.
func (in Input) missing(profiles []Profile) []Name {
	var out []Name
	for _, n := range in.Names {
		if !slices.ContainsFunc(profiles, n.matches) {
			out = append(out, n)
		}
	}
	return out
}

// notes say what may be missing from the list of profiles.
func (in Input) notes() []string {
	var out []string
	switch {
	case in.Gaps.ClusterProfiles != "":
		out = append(out, fmt.Sprintf("Cluster profiles are not shown: %s.", in.Gaps.ClusterProfiles))
	case in.Namespace != "" && in.Gaps.Namespaces != "":
		out = append(out, fmt.Sprintf("Which cluster profiles act in namespace %s is not known: %s.", in.Namespace, in.Gaps.Namespaces))
	}
	return out
}

// Policy is a policy that a profile has.
type Policy struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Tier is the tier that it isolates, or "default-deny"; empty when its label is lost.
	Tier string `json:"tier,omitempty"`
}
