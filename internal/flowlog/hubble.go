package flowlog

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// hubble is a flow as Hubble exports it: message Flow of Cilium's api/v1/flow/flow.proto, in the JSON form of Protocol Buffers. Only
// what is used is read, and what is new in it is no error.
type hubble struct {
	Verdict string `json:"verdict"`
	// IsReply is absent where it is not known.
	IsReply          *bool  `json:"is_reply"`
	TrafficDirection string `json:"traffic_direction"`
	IP               struct {
		Source      string `json:"source"`
		Destination string `json:"destination"`
	} `json:"IP"`
	L4 map[string]struct {
		DestinationPort int64           `json:"destination_port"`
		Flags           map[string]bool `json:"flags"`
	} `json:"l4"`
	Source           hubbleEnd `json:"source"`
	Destination      hubbleEnd `json:"destination"`
	SourceNames      []string  `json:"source_names"`
	DestinationNames []string  `json:"destination_names"`
}

type hubbleEnd struct {
	ClusterName string   `json:"cluster_name"`
	Namespace   string   `json:"namespace"`
	PodName     string   `json:"pod_name"`
	Labels      []string `json:"labels"`
}

func (l *Log) addHubble(record json.RawMessage) error {
	var h hubble
	if err := json.Unmarshal(record, &h); err != nil {
		return fmt.Errorf("read a flow of Hubble: %w", err)
	}
	f, why := h.flow()
	if why != "" {
		l.skip(why)
		return nil
	}
	l.Flows = append(l.Flows, f)
	return nil
}

// flow returns the flow of a record, or why there is none.
func (h hubble) flow() (Flow, Reason) {
	f := Flow{Source: h.Source.end(h.IP.Source, h.SourceNames), Destination: h.Destination.end(h.IP.Destination, h.DestinationNames), Times: 1}
	for _, name := range slices.Sorted(maps.Keys(h.L4)) {
		port := h.L4[name].DestinationPort
		if p, err := protocol(name); err == nil && checkPort(port) == nil {
			f.Protocol, f.Port = p, int32(port) //nolint:gosec // it was checked
		}
	}
	if a, b := h.Source.ClusterName, h.Destination.ClusterName; a != "" && b != "" && a != b {
		return f, OtherCluster
	}
	if f.Port == 0 || f.Source.isNobody() || f.Destination.isNobody() {
		return f, NoConnection
	}
	var why Reason
	if f.Outcome, why = h.outcome(); why != "" {
		return f, why
	}
	return f, h.notOpening(f.Outcome)
}

// outcome says what became of a connection, or why that is not known.
func (h hubble) outcome() (Outcome, Reason) {
	switch h.Verdict {
	case "DROPPED", "ERROR":
		return Denied, ""
	case "FORWARDED", "REDIRECTED", "AUDIT":
		if h.TrafficDirection == "EGRESS" {
			return Left, ""
		}
		return Passed, ""
	}
	return "", NoVerdict
}

// notOpening returns why a record does not tell who opened a connection; empty when it does. Of what was dropped, Hubble does not say
// whether it was a reply, and nothing is made of it.
func (h hubble) notOpening(o Outcome) Reason {
	if h.IsReply != nil {
		if *h.IsReply {
			return Reply
		}
		return ""
	}
	flags := h.L4[string(corev1.ProtocolTCP)].Flags
	switch {
	case flags["SYN"] && flags["ACK"]:
		return Reply
	case flags["SYN"], o == Denied:
		return ""
	}
	return NoDirection
}

func (e hubbleEnd) end(ip string, names []string) End {
	out := End{Names: names}
	if addr, err := netip.ParseAddr(ip); err == nil {
		out.Address = addr.Unmap().WithZone("")
	}
	if pod, err := podEnd(e.Namespace, e.PodName); err == nil && e.Namespace != "" {
		out.Namespace, out.Pod, out.Names = pod.Namespace, pod.Pod, nil
		out.Labels = podLabels(e.Labels)
		return out
	}
	out.Role = roleOf(e.Labels)
	return out
}

// podLabels returns the labels of a pod among those of an identity, without those that Cilium adds: of namespaces, clusters and
// ServiceAccounts.
func podLabels(identity []string) map[string]string {
	out := map[string]string{}
	for _, label := range identity {
		text, isOfPod := strings.CutPrefix(label, "k8s:")
		key, value, _ := strings.Cut(text, "=")
		if !isOfPod || strings.HasPrefix(key, "io.cilium.") || key == "io.kubernetes.pod.namespace" {
			continue
		}
		if len(validation.IsQualifiedName(key)) == 0 && len(validation.IsValidLabelValue(value)) == 0 {
			out[key] = value
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// roleOf returns what the reserved labels of an identity say. A machine of the API server is a node, too, or outside.
func roleOf(identity []string) Role {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(identity, "reserved:"+name) })
	}
	switch {
	case has("kube-apiserver"):
		return RoleKubeAPIServer
	case has("host", "remote-node"):
		return RoleNode
	case has("health", "ingress", "init", "unmanaged"):
		return RoleNetwork
	case has("world", "world-ipv4", "world-ipv6"):
		return RoleOutside
	}
	return RoleUnknown
}
