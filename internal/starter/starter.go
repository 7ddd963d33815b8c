package starter

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/dnslabel"
	"firebreak.dev/firebreak/internal/flowlog"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Input is what a profile is proposed for.
type Input struct {
	Namespace string
	// Name is that of the profile.
	Name string
	// Cluster has the pods and Services of the namespace, and all else as far as it is known.
	Cluster *snapshot.Cluster
	// Observed are connections that were seen; nil when none were looked for.
	Observed *flowlog.Log
}

// Proposal is a profile with what is to be said of its parts.
type Proposal struct {
	// Profile is in mode Preview.
	Profile *v1alpha1.SegmentationProfile
	// Tiers and Entries say of those of that name what they were made from.
	Tiers, Entries map[string]string
	// ToFillIn are entries that a person has to decide about; nil when there are none. Without observed connections there is one for
	// each tier that serves ports, and its source is tier Who, which does not exist. With them, each would allow more than was seen.
	ToFillIn []v1alpha1.AllowEntry
	// Observed: connections were looked for.
	Observed bool
	// Guesses, PassedOver and Notes are what a reader must know of the whole: what was assumed, which observations have no entry and
	// why, and the rest. Each is a sentence; nil when there are none.
	Guesses, PassedOver, Notes []string
}

// Who is the name that stands for a source that nobody knows yet.
const Who = "WHO"

// Bounds of a profile.
const (
	maxTiers   = 64
	maxEntries = 128
)

// proposal is one in the making.
type proposal struct {
	Input
	*Proposal
	index *index
	// here are the groups of the namespace.
	here []*group
	// taken are the names of entries.
	taken   dnslabel.Names
	guessed guesses
	passed  map[string]*passed
}

// Propose proposes a profile. Equal input gives an equal proposal. An error says that there is nothing to propose one for, or too much.
func Propose(in Input) (*Proposal, error) {
	p := &proposal{
		Input: in, Proposal: &Proposal{Tiers: map[string]string{}, Entries: map[string]string{}, Observed: in.Observed != nil},
		index: newIndex(in), taken: dnslabel.Names{}, guessed: guesses{}, passed: map[string]*passed{},
	}
	p.Profile = &v1alpha1.SegmentationProfile{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: string(v1alpha1.KindSegmentationProfile)},
		ObjectMeta: metav1.ObjectMeta{Namespace: in.Namespace, Name: in.Name},
		Spec: v1alpha1.SegmentationProfileSpec{
			ProfileSettings: v1alpha1.ProfileSettings{Mode: v1alpha1.ModePreview, Isolation: v1alpha1.IsolationNamespace, DNS: v1alpha1.DNSCluster},
			Tiers:           []v1alpha1.Tier{},
		},
	}
	p.here = p.index.groups[in.Namespace]
	switch {
	case len(p.here) == 0:
		return nil, fmt.Errorf("namespace %s has no pods that a NetworkPolicy could govern, so there is nothing to propose a profile for", in.Namespace)
	case len(p.here) > maxTiers:
		return nil, fmt.Errorf("namespace %s has %d groups of pods with labels of their own, and a profile has at most %d tiers", in.Namespace, len(p.here), maxTiers)
	}
	p.addTiers()
	p.noteOnHost()
	p.noteFromOutside()
	if in.Observed != nil {
		p.addObserved()
	} else {
		p.addToFillIn()
	}
	for _, g := range p.here {
		if g.tier != nil {
			p.Profile.Spec.Tiers = append(p.Profile.Spec.Tiers, *g.tier)
		}
	}
	p.tellGuesses()
	p.tellPassedOver()
	return p.Proposal, nil
}

// addTiers gives each group a tier, unless no selector tells it from others.
func (p *proposal) addTiers() {
	taken := dnslabel.Names{v1alpha1.DefaultDenyTier: true}
	for _, g := range p.here {
		if g.selector == nil {
			p.Notes = append(p.Notes, fmt.Sprintf("No labels tell the pods of %s from others, so they are in no tier and would be denied everything; give them a label of their own.", g.made()))
			continue
		}
		g.tier = &v1alpha1.Tier{Name: taken.Take(g.name()), PodSelector: apiSelector(g.selector)}
		p.addPorts(g)
	}
}

// addPorts gives a tier the ports to which Services lead, or else those that containers declare, and says what it was made from.
func (p *proposal) addPorts(g *group) {
	said := g.made() + "."
	if len(g.workloads) > 1 {
		p.Guesses = append(p.Guesses, fmt.Sprintf("%s are one tier, %s: their labels do not tell them apart, other than by version.", g.made(), g.tier.Name))
	}
	served, services := p.servedPorts(g)
	declared := declaredPorts(g)
	switch {
	case len(served) > 0:
		g.tier.Ports = served
		said += " The ports are those to which " + servicesLead(services)
		if others := without(declared, numbersOf(served, g)); len(others) > 0 {
			said += "; its containers declare " + portsInWords(others) + ", too"
		}
		said += "."
		p.noteUnknownNames(g)
	case len(declared) > 0:
		g.tier.Ports = declared
		said += " The ports are those that its containers declare."
		p.Guesses = append(p.Guesses, fmt.Sprintf("The ports of tier %s are those that its containers declare, since no Service leads to them.", g.tier.Name))
	default:
		said += " Its ports are not known, so an entry that leads to it must say them."
	}
	if n := len(g.tier.Ports); n > maxPorts {
		g.tier.Ports = g.tier.Ports[:maxPorts]
		p.Notes = append(p.Notes, fmt.Sprintf("Tier %s serves %d ports, and a tier has at most %d, so the last are left out; a range, port to endPort, may stand for them.", g.tier.Name, n, maxPorts))
	}
	p.Tiers[g.tier.Name] = said
}

func servicesLead(services []string) string {
	if len(services) == 1 {
		return "Service " + services[0] + " leads"
	}
	return "Services " + listed(services) + " lead"
}

// noteUnknownNames says which of a tier's ports no container has, so that nothing reaches them.
func (p *proposal) noteUnknownNames(g *group) {
	for _, port := range g.tier.Ports {
		if port.Port.Type == intstr.String && len(g.pods) > 0 && len(numbersOf([]v1alpha1.Port{port}, g)) == 1 {
			p.Notes = append(p.Notes, fmt.Sprintf("A Service leads to port %s of tier %s, and no container has a port of that name: until one has, nothing is reached by it.",
				portInWords(port), g.tier.Name))
		}
	}
}

// noteFromOutside says which Services are there for others than pods: a proposal knows only of pods.
func (p *proposal) noteFromOutside() {
	for i := range p.Cluster.Facts.Services {
		s := &p.Cluster.Facts.Services[i]
		isOutward := s.Spec.Type == corev1.ServiceTypeLoadBalancer || s.Spec.Type == corev1.ServiceTypeNodePort
		if !isOutward || s.Namespace != p.Namespace || !slices.ContainsFunc(p.here, func(g *group) bool { return g.tier != nil && leadsTo(s, g) }) {
			continue
		}
		p.Notes = append(p.Notes, fmt.Sprintf("Service %s (%s) is for callers outside the cluster: they need an entry, from internet or ipBlocks, and from nodes where these pass them on under their own addresses.",
			s.Name, s.Spec.Type))
	}
}

func (p *proposal) noteOnHost() {
	var made names
	for _, pod := range p.Cluster.Pods {
		if pod.Namespace == p.Namespace && pod.HostNetwork && !pod.Completed {
			made.add(pod.Workload.String())
		}
	}
	if len(made) > 0 {
		p.Notes = append(p.Notes, "NetworkPolicies do not govern pods on the host network, so they are in no tier: "+made.String()+".")
	}
}

// addToFillIn adds, for each tier that serves something, an entry for a person to fill in.
func (p *proposal) addToFillIn() {
	for _, g := range p.here {
		if g.tier == nil || len(g.tier.Ports) == 0 {
			continue
		}
		p.ToFillIn = append(p.ToFillIn, v1alpha1.AllowEntry{
			Name: p.taken.Take("calls-" + g.tier.Name), From: []v1alpha1.Peer{{Tier: Who}}, To: []v1alpha1.Peer{{Tier: g.tier.Name}},
		})
	}
}

// portsOf returns the ports of a tier; nil when it has none, and for all that is no tier.
func portsOf(to party) []v1alpha1.Port {
	if to.group == nil || to.group.tier == nil || to.unclear != "" {
		return nil
	}
	return to.group.tier.Ports
}
