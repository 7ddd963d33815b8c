package checkup

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

// The kinds whose absence says nothing where the files hold none of them.
const (
	kindService       = "Service"
	kindEndpointSlice = "EndpointSlice"
	kindNode          = "Node"
	kindNetworkPolicy = "NetworkPolicy"
)

// holds says whether enough is known to tell that an object of a kind is missing.
func (c *checkup) holds(kind, namespace string) bool {
	return c.Held == nil || c.Held[Held{kind, namespace}]
}

// knowsPolicies says whether enough is known to tell that nothing admits a connection in a namespace.
func (c *checkup) knowsPolicies(namespace string) bool {
	return c.holds(kindNetworkPolicy, namespace) || c.holds(string(v1alpha1.KindSegmentationProfile), namespace)
}

// topic is something that was not checked.
type topic struct {
	// field is where the profile speaks of it.
	field string
	// what completes "Not checked: ", and absent "the files hold".
	what, absent string
}

// notChecked begins the message of a result with CodeNotChecked.
const notChecked = "Not checked: "

// Unchecked returns what was not checked, such as "which nodes there are", and whether the result says that something was not.
func (r Result) Unchecked() (what string, ok bool) {
	if r.Code != CodeNotChecked {
		return "", false
	}
	what, _, _ = strings.Cut(strings.TrimPrefix(r.Message, notChecked), ";")
	return what, true
}

// String returns the message of a result.
func (t topic) String() string {
	return fmt.Sprintf("%s%s; the files hold %s, and --live asks the cluster.", notChecked, t.what, t.absent)
}

// unchecked collects what cannot be told of one profile without a cluster.
type unchecked struct {
	*checkup
	in    report.Input
	tiers []string
	list  []topic
}

func (c *checkup) newUnchecked(in report.Input) *unchecked {
	u := &unchecked{checkup: c, in: in}
	if len(in.Namespaces) == 0 && c.Held != nil {
		u.list = append(u.list, topic{"spec.namespaceSelector", "where this profile acts", "no Namespace that it selects"})
	}
	return u
}

// takes says whether a finding only says that something is not in the files, and keeps it as a topic then.
func (u *unchecked) takes(f v1alpha1.Finding, path string) bool {
	if u.Held == nil {
		return false
	}
	var t topic
	switch f.Code {
	case v1alpha1.CodeTierSelectsNothing:
		if u.knowsPods() {
			return false
		}
		u.tiers = append(u.tiers, strings.TrimPrefix(f.Place, "tier "))
		return true
	case v1alpha1.CodeDNSNotFound:
		t = u.dns()
	case v1alpha1.CodeUnresolvedPeer:
		if peer := peerAt(&u.in.Profile, path); peer != nil {
			t = u.peer(*peer, f.Namespace)
		}
	default:
		return false
	}
	if t.what == "" {
		return false
	}
	t.field = path
	if !slices.ContainsFunc(u.list, func(other topic) bool { return other.what == t.what }) {
		u.list = append(u.list, t)
	}
	return true
}

// knowsPods says whether the files hold workloads in every namespace of the profile.
func (u *unchecked) knowsPods() bool {
	return !slices.ContainsFunc(u.in.Namespaces, func(ns report.NamespaceFacts) bool { return !ns.Protected && len(ns.Pods) == 0 }) &&
		len(u.in.Namespaces) > 0
}

// dns returns the topic of the cluster's DNS; the zero topic when enough is known of it.
func (u *unchecked) dns() topic {
	for _, namespace := range u.Cluster.Options.DNSNamespaces() {
		if u.holds(kindService, namespace) {
			return topic{}
		}
	}
	return topic{what: "where the cluster's DNS is", absent: "no Service that could be it"}
}

// peer returns the topic of what a peer refers to, as seen from a namespace; the zero topic when enough is known of it.
func (u *unchecked) peer(peer v1alpha1.Peer, namespace string) topic {
	if namespace == "" {
		namespace = u.in.Profile.Key.Namespace
	}
	fact, _ := snapshot.FactOf(peer, namespace, u.Cluster.Options)
	missing := func(what, kind, namespace string) topic {
		if u.holds(kind, namespace) {
			return topic{}
		}
		absent := "no " + kind
		if namespace != "" {
			absent += " of namespace " + namespace
		}
		return topic{what: what, absent: absent}
	}
	switch fact.Kind {
	case snapshot.FactProfile:
		return missing(fmt.Sprintf("whether SegmentationProfile %s/%s has a tier %s", fact.Namespace, fact.Name, peer.RemoteTier.Tier),
			string(v1alpha1.KindSegmentationProfile), fact.Namespace)
	case snapshot.FactService:
		if u.hasNoSelector(fact) {
			return missing(fmt.Sprintf("what addresses Service %s/%s has", fact.Namespace, fact.Name), kindEndpointSlice, fact.Namespace)
		}
		return missing(fmt.Sprintf("whether there is a Service %s/%s", fact.Namespace, fact.Name), kindService, fact.Namespace)
	case snapshot.FactAPIServer:
		where := snapshot.APIServerService().Namespace
		if t := missing("where the API server is", kindService, where); t.what != "" {
			return t
		}
		return missing("where the API server is", kindEndpointSlice, where)
	case snapshot.FactNodes:
		return missing("which nodes there are", kindNode, "")
	default:
		return topic{}
	}
}

// hasNoSelector says whether a Service is there and stands for the addresses in its EndpointSlices.
func (u *unchecked) hasNoSelector(fact snapshot.Fact) bool {
	return slices.ContainsFunc(u.Cluster.Facts.Services, func(s corev1.Service) bool {
		return s.Namespace == fact.Namespace && s.Name == fact.Name && len(s.Spec.Selector) == 0 && s.Spec.Type != corev1.ServiceTypeExternalName
	})
}

// topics returns what was not checked, the pods of tiers in one.
func (u *unchecked) topics() []topic {
	if len(u.tiers) == 0 {
		return u.list
	}
	what := "whether tiers select pods"
	if len(u.tiers) < len(u.in.Profile.Tiers) {
		what = "whether these tiers select pods: " + strings.Join(u.tiers, ", ")
	}
	absent := "no workload"
	if namespace := u.in.Profile.Key.Namespace; namespace != "" {
		absent += " in namespace " + namespace
	} else if len(u.in.Namespaces) > 0 {
		absent += " in some namespaces of this profile"
	}
	return append(u.list, topic{"spec.tiers", what, absent})
}
