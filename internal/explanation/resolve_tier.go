package explanation

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// tier finds the pods of a tier, or makes up one where none runs.
func (r resolver) tier(e *end, ref Reference) error {
	output, tier, err := r.findTier(e.place, ref)
	if err != nil {
		return err
	}
	e.Name, e.tier, e.profile = "tier "+tier.Name, &tier, output.Profile.Key
	pods := selector.FromAPI(tier.PodSelector)
	if e.pods, err = matching(pods, e.place.Pods); err != nil {
		return fmt.Errorf("tier %s: podSelector: %w", tier.Name, err)
	}
	return e.orSomeday(pods, tier.Ports, fmt.Sprintf("podSelector of tier %s", tier.Name))
}

// orSomeday makes up a pod that a selector would choose, where there is none.
func (e *end) orSomeday(pods *metav1.LabelSelector, ports []v1alpha1.Port, what string) error {
	if len(e.pods) > 0 {
		return nil
	}
	found, ok, err := selector.Witness([]*metav1.LabelSelector{pods}, nil)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case !ok:
		return fmt.Errorf("%s can match no pod", what)
	}
	e.Hypothetical = true
	pod, unnumbered := withPorts(&snapshot.Pod{Namespace: e.Namespace, Labels: found}, ports)
	e.pods, e.unnumbered = []*snapshot.Pod{pod}, unnumbered
	return nil
}

func matching(s *metav1.LabelSelector, pods []snapshot.Pod) ([]*snapshot.Pod, error) {
	compiled, err := selector.Compile(s)
	if err != nil {
		return nil, err
	}
	var out []*snapshot.Pod
	for i := range pods {
		if compiled.Matches(labels.Set(pods[i].Labels)) {
			out = append(out, &pods[i])
		}
	}
	return out, nil
}

// findTier finds the tier that a reference means, of the profiles that act in a namespace.
func (r resolver) findTier(here *Namespace, ref Reference) (*compiler.Output, v1alpha1.ClusterTier, error) {
	var outputs []*compiler.Output
	var found []v1alpha1.ClusterTier
	for i := range here.Outputs {
		o := &here.Outputs[i]
		tier, ok := o.Profile.Tier(ref.Name)
		if !ok || !acts(o) || (ref.Profile != "" && !bears(o.Profile.Key, ref.Profile)) {
			continue
		}
		if lives, err := snapshot.TierLivesIn(tier, here.Namespace); err != nil || !lives {
			continue
		}
		outputs, found = append(outputs, o), append(found, tier)
	}
	switch len(found) {
	case 0:
		return nil, v1alpha1.ClusterTier{}, fmt.Errorf("there is no such tier in namespace %s%s", here.Namespace.Name, didYouMean(ref.Name, r.tiers()))
	case 1:
		return outputs[0], found[0], nil
	}
	var could []string
	for _, o := range outputs {
		could = append(could, fmt.Sprintf("%s%s/%s/%s", tierPrefix, here.Namespace.Name, prefixed(o.Profile.Key), ref.Name))
	}
	return nil, v1alpha1.ClusterTier{}, fmt.Errorf("that could be %s", strings.Join(could, " or "))
}

// acts says whether a profile acts in the namespace of its output, or would if the namespace were not protected.
func acts(o *compiler.Output) bool { return o.Selected || o.Protected }

// bears says whether a profile is meant by a name: its own, or with the prefix that its policies have.
func bears(key snapshot.ProfileKey, name string) bool { return key.Name == name || prefixed(key) == name }

// prefixed is the name of a profile as that of its policies begins, which tells the kinds apart.
func prefixed(key snapshot.ProfileKey) string {
	if key.Kind == v1alpha1.KindClusterSegmentationProfile {
		return "csegp." + key.Name
	}
	return "segp." + key.Name
}

// tiers are all there are, as they are asked for.
func (r resolver) tiers() []string {
	var out []string
	for i := range r.world.Namespaces {
		here := &r.world.Namespaces[i]
		for j := range here.Outputs {
			for _, tier := range here.Outputs[j].Profile.Tiers {
				if !acts(&here.Outputs[j]) {
					continue
				}
				name := here.Outputs[j].Profile.Key.Name + "/" + tier.Name
				if here.Namespace.Name != r.namespace {
					name = here.Namespace.Name + "/" + name
				}
				out = append(out, tierPrefix+name)
			}
		}
	}
	return out
}

// service finds the pods behind a Service.
func (r resolver) service(e *end, name string) error {
	e.Name = "Service " + name
	s, ok := r.world.service(e.Namespace, name)
	if !ok {
		var names []string
		for _, other := range r.world.Facts.Services {
			if other.Namespace == e.Namespace {
				names = append(names, "svc/"+other.Name)
			}
		}
		return fmt.Errorf("no Service %s is known in namespace %s%s", name, e.Namespace, didYouMean(name, names))
	}
	switch {
	case s.Spec.Type == corev1.ServiceTypeExternalName:
		return hostName(s.Spec.ExternalName)
	case len(s.Spec.Selector) == 0:
		return errors.New("the Service selects no pods; ask for an address that its EndpointSlices list")
	}
	e.service = s
	pods := &metav1.LabelSelector{MatchLabels: s.Spec.Selector}
	var err error
	if e.pods, err = matching(pods, e.place.Pods); err != nil {
		return fmt.Errorf("selector of Service %s: %w", name, err)
	}
	return e.orSomeday(pods, targetPorts(s), "selector of Service "+name)
}

func targetPorts(s *corev1.Service) []v1alpha1.Port {
	var out []v1alpha1.Port
	for _, p := range s.Spec.Ports {
		out = append(out, v1alpha1.Port{Port: targetPort(p), Protocol: cmp.Or(p.Protocol, corev1.ProtocolTCP)})
	}
	return out
}

// targetPort is the port of the pods; what the API server would have written when it is not given.
func targetPort(p corev1.ServicePort) intstr.IntOrString {
	if p.TargetPort == (intstr.IntOrString{}) {
		return intstr.FromInt32(p.Port)
	}
	return p.TargetPort
}

// servicePorts are the ports of the Service that are meant, at one of its pods. An error says which there are.
func servicePorts(e *end, ref *PortReference, pod *snapshot.Pod) ([]Port, error) {
	var out []Port
	var known []string
	for _, p := range e.service.Spec.Ports {
		protocol := cmp.Or(p.Protocol, corev1.ProtocolTCP)
		target := targetPort(p)
		known = append(known, fmt.Sprintf("%d/%s (target port %s)", p.Port, strings.ToLower(string(protocol)), target.String()))
		if ref != nil && !(ref.meansProtocol(protocol) && (p.Port == ref.Number || (ref.Name != "" && p.Name == ref.Name))) {
			continue
		}
		ports := []Port{numbered(protocol, target.IntVal)}
		if target.Type == intstr.String {
			ports = named(PortReference{Name: target.StrVal, Protocol: protocol}, pod, e.unnumbered)
		}
		for _, port := range ports {
			port.ServicePort = p.Port
			out = append(out, port)
		}
	}
	if len(out) == 0 && ref != nil {
		return nil, fmt.Errorf("%s has no port %s at these pods; it has %s", e.Name, ref, strings.Join(known, ", "))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s leads to no port of its pods", e.Name)
	}
	slices.SortFunc(out, Port.compare)
	return slices.Compact(out), nil
}

// portsAt are the ports that are asked for, at a pod of the destination; at an address when there is none.
func portsAt(e *end, ref *PortReference, pod *snapshot.Pod) ([]Port, error) {
	switch {
	case e.service != nil:
		return servicePorts(e, ref, pod)
	case ref != nil && ref.Name == "":
		return []Port{numbered(cmp.Or(ref.Protocol, corev1.ProtocolTCP), ref.Number)}, nil
	case pod == nil && ref != nil:
		return nil, fmt.Errorf("the name of a port means nothing towards %s; give a number", e.Name)
	case pod == nil:
		return nil, fmt.Errorf("say to which port: %s:443, for instance", writable(e.Given))
	case ref != nil:
		return portNamed(e, *ref, pod)
	}
	var out []Port
	if e.tier != nil {
		out = declared(e.tier.Ports, pod, e.unnumbered)
	}
	if len(out) == 0 {
		out = containerPorts(pod)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s declares no port; say to which: %s:8080, for instance", e.Name, writable(e.Given))
	}
	return out, nil
}

func portNamed(e *end, ref PortReference, pod *snapshot.Pod) ([]Port, error) {
	if out := named(ref, pod, e.unnumbered); len(out) > 0 {
		return out, nil
	}
	var known []string
	for _, p := range pod.Ports {
		if p.Name != "" {
			known = append(known, p.Name)
		}
	}
	return nil, fmt.Errorf("%s calls no port %s%s", e.Name, ref, didYouMean(ref.Name, known))
}

// writable puts an IPv6 address into brackets, so that a port can follow.
func writable(given string) string {
	if strings.Count(given, ":") > 1 && !strings.HasPrefix(given, tierPrefix) {
		return "[" + given + "]"
	}
	return given
}
