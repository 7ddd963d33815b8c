package explanation

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Reference is an end as somebody named it.
type Reference struct {
	// Given is the whole text, without a port.
	Given string
	Kind  EndKind
	// Workload is the kind of a workload, such as Deployment.
	Workload string
	// Namespace is empty when none was given.
	Namespace string
	// Profile is that of a tier; empty when none was given.
	Profile string
	Name    string
	Address netip.Addr
}

// Question is whether a connection may pass.
type Question struct {
	Source, Destination Reference
	// Port is nil for every port that the destination declares.
	Port *PortReference
	// Namespace is meant where a reference says none.
	Namespace string
}

// Ask reads a question: a source SRC and a destination DST[:PORT[/PROTOCOL]]. Errors say what could be meant.
func Ask(source, destination, namespace string) (Question, error) {
	src, port, err := parse(source)
	switch {
	case err != nil:
		return Question{}, fmt.Errorf("source %s: %w", source, err)
	case port != nil:
		return Question{}, fmt.Errorf("source %s: the port belongs to the destination: %s:%s", source, destination, port)
	}
	dst, port, err := parse(destination)
	if err != nil {
		return Question{}, fmt.Errorf("destination %s: %w", destination, err)
	}
	return Question{Source: src, Destination: dst, Port: port, Namespace: namespace}, nil
}

const internet = "internet"

const tierPrefix = "tier:"

// forms is how an end may be named.
const forms = "deploy/NAME (or sts, ds, job, cronjob, rs, pod, svc), NAMESPACE/deploy/NAME, ns/NAME, tier:PROFILE/TIER, an IP address, or internet"

// parse reads DST[:PORT[/PROTOCOL]].
func parse(text string) (Reference, *PortReference, error) {
	if rest, ok := strings.CutPrefix(text, tierPrefix); ok {
		name, portText, _ := strings.Cut(rest, ":")
		ref, err := parseTier(name)
		if err != nil {
			return ref, nil, err
		}
		port, err := parsePort(portText, strings.Contains(rest, ":"))
		return ref, port, err
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return Reference{Given: text, Kind: KindAddress, Address: addr.Unmap()}, nil, nil
	}
	if strings.HasPrefix(text, "[") {
		return parseBracketed(text)
	}
	if scheme, rest, ok := strings.Cut(text, "://"); ok {
		return Reference{}, nil, hostName(scheme + "://" + rest)
	}
	name, portText, hasPort := strings.Cut(text, ":")
	if strings.Contains(portText, ":") {
		return Reference{}, nil, errors.New("an IPv6 address with a port is written [2001:db8::1]:443")
	}
	ref, err := parseName(name)
	if err != nil {
		return ref, nil, err
	}
	port, err := parsePort(portText, hasPort)
	return ref, port, err
}

// parseBracketed reads "[2001:db8::1]:443".
func parseBracketed(text string) (Reference, *PortReference, error) {
	inside, rest, closed := strings.Cut(text[1:], "]")
	addr, err := netip.ParseAddr(inside)
	portText, hasPort := strings.CutPrefix(rest, ":")
	if err != nil || !closed || (rest != "" && !hasPort) {
		return Reference{}, nil, errors.New("an IPv6 address with a port is written [2001:db8::1]:443")
	}
	port, err := parsePort(portText, hasPort)
	return Reference{Given: inside, Kind: KindAddress, Address: addr.Unmap()}, port, err
}

// parseTier reads what comes after "tier:".
func parseTier(text string) (Reference, error) {
	parts := strings.Split(text, "/")
	ref := Reference{Given: tierPrefix + text, Kind: KindTier, Name: parts[len(parts)-1]}
	switch {
	case slices.Contains(parts, "") || len(parts) > 3:
		return ref, errors.New("a tier is tier:TIER, tier:PROFILE/TIER or tier:NAMESPACE/PROFILE/TIER")
	case len(parts) == 3:
		ref.Namespace, ref.Profile = parts[0], parts[1]
	case len(parts) == 2:
		ref.Profile = parts[0]
	}
	return ref, nil
}

func parseName(text string) (Reference, error) {
	ref := Reference{Given: text}
	if strings.EqualFold(text, internet) {
		ref.Kind = KindInternet
		return ref, nil
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		ref.Kind, ref.Address = KindAddress, addr.Unmap()
		return ref, nil
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return ref, fmt.Errorf("that is a range; ask for one of its addresses, such as %s", prefix.Masked().Addr().Next())
	}
	parts := strings.Split(text, "/")
	if strings.Contains(parts[0], ".") && kinds()[bareKind(parts[0])] == (kindOfName{}) {
		return ref, hostName(text)
	}
	if len(parts) == 3 {
		ref.Namespace, parts = parts[0], parts[1:]
	}
	if len(parts) != 2 || slices.Contains(strings.Split(text, "/"), "") {
		return ref, fmt.Errorf("say what it is: %s", forms)
	}
	return parseKind(ref, parts[0], parts[1])
}

// parseKind reads "deploy/web".
func parseKind(ref Reference, kind, name string) (Reference, error) {
	meant, known := kinds()[bareKind(kind)]
	if !known {
		return ref, fmt.Errorf("%q is no kind that is known here; say %s", kind, forms)
	}
	ref.Kind, ref.Workload, ref.Name = meant.end, meant.workload, name
	if ref.Kind == KindNamespace {
		if ref.Namespace != "" {
			return ref, fmt.Errorf("a namespace is in none: write ns/%s", ref.Name)
		}
		ref.Namespace = ref.Name
	}
	return ref, nil
}

func hostName(text string) error {
	return fmt.Errorf("%s is a host name, and NetworkPolicies know addresses only; ask for an address that it stands for, for svc/NAME, or for internet", text)
}

// kindOfName is what a kind in a reference means.
type kindOfName struct {
	end      EndKind
	workload string
}

// kinds are the names of kinds that kubectl knows, in lower case.
func kinds() map[string]kindOfName {
	out := map[string]kindOfName{}
	for kind, names := range map[string][]string{
		"Deployment":            {"deploy", "deployment", "deployments"},
		"StatefulSet":           {"sts", "statefulset", "statefulsets"},
		"DaemonSet":             {"ds", "daemonset", "daemonsets"},
		"ReplicaSet":            {"rs", "replicaset", "replicasets"},
		"ReplicationController": {"rc", "replicationcontroller", "replicationcontrollers"},
		"Job":                   {"job", "jobs"},
		"CronJob":               {"cj", "cronjob", "cronjobs"},
	} {
		for _, name := range names {
			out[name] = kindOfName{KindWorkload, kind}
		}
	}
	for kind, names := range map[EndKind][]string{
		KindPod:       {"po", "pod", "pods"},
		KindNamespace: {"ns", "namespace", "namespaces"},
		KindService:   {"svc", "service", "services"},
	} {
		for _, name := range names {
			out[name] = kindOfName{end: kind}
		}
	}
	return out
}

// bareKind takes the group from a kind as kubectl prints it: "deployment.apps" is "deployment".
func bareKind(text string) string {
	text = strings.ToLower(text)
	for _, group := range []string{".apps", ".batch"} {
		text = strings.TrimSuffix(text, group)
	}
	return text
}
