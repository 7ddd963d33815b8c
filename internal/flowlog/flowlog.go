package flowlog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Flow is connections of the same ends, as far as a record tells them apart.
type Flow struct {
	Source, Destination End
	Protocol            corev1.Protocol
	// Port is the destination's: 1 to 65535.
	Port    int32
	Outcome Outcome
	// Times is how often they were seen: 1 to 2147483647.
	Times int
}

// Outcome is what became of connections.
type Outcome string

// The outcomes that records tell.
const (
	// Passed: they were let through.
	Passed Outcome = "Passed"
	// Left: they were let out of their source. Whether their destination let them in, the record does not say.
	Left Outcome = "Left"
	// Denied: they were dropped.
	Denied Outcome = "Denied"
)

// End is one end of a connection: a pod, or else an address, a Role or both.
type End struct {
	// Namespace and Pod are empty for what is no pod. Namespace is empty, too, for a pod of which the record does not tell it.
	Namespace, Pod string
	// Labels are those of the pod, where the record has them; nil otherwise.
	Labels map[string]string
	// Address is the zero value when the record has none. IPv4 addresses are never in IPv6 clothes, and none has a zone.
	Address netip.Addr
	// Names are those by which the address was looked up; nil for most.
	Names []string
	Role  Role
}

// Role is what a record tells of an end that is no pod.
type Role string

// The roles that records tell.
const (
	RoleUnknown Role = ""
	// RoleNode is a node, and all that is on its network.
	RoleNode Role = "Node"
	// RoleKubeAPIServer is a machine on which the API server runs: it has other ports, too.
	RoleKubeAPIServer Role = "KubeAPIServer"
	// RoleOutside is surely outside the cluster.
	RoleOutside Role = "Outside"
	// RoleNetwork is what the network plugin itself connects from, such as its health checks and its ingress.
	RoleNetwork Role = "Network"
)

// String names the end as people do.
func (e End) String() string {
	switch {
	case e.Namespace != "" && e.Pod != "":
		return e.Namespace + "/" + e.Pod
	case e.Pod != "":
		return e.Pod
	case len(e.Names) > 0:
		return e.Names[0]
	case e.Address.IsValid():
		return e.Address.String()
	}
	return strings.ToLower(string(e.Role))
}

// isNobody says whether a record tells nothing of an end.
func (e End) isNobody() bool { return e.Pod == "" && !e.Address.IsValid() && e.Role == RoleUnknown }

// Reason is why no flow was made of a record.
type Reason string

// The reasons for which records are passed over.
const (
	// Reply: it is an answer, which follows from the connection.
	Reply Reason = "Reply"
	// NoDirection: it does not say which end opened the connection.
	NoDirection Reason = "NoDirection"
	// NoVerdict: it does not say whether the connection was let through, or tells of an address before it was translated.
	NoVerdict Reason = "NoVerdict"
	// NoConnection: it is of no connection of TCP, UDP or SCTP between two ends that it names.
	NoConnection Reason = "NoConnection"
	// OtherCluster: one end is in another cluster.
	OtherCluster Reason = "OtherCluster"
)

// Log is what was read.
type Log struct {
	// Flows are in the order of the records.
	Flows []Flow
	// Skipped is how many records were passed over, by why; nil when none was.
	Skipped map[Reason]int
}

// Records returns how many records there were.
func (l *Log) Records() int {
	n := len(l.Flows)
	for _, skipped := range l.Skipped {
		n += skipped
	}
	return n
}

func (l *Log) skip(why Reason) {
	if l.Skipped == nil {
		l.Skipped = map[Reason]int{}
	}
	l.Skipped[why]++
}

// Read reads a log. What begins with { or [ is JSON, all else a table. An error names the line of the record that cannot be read;
// then there is no log. Nothing at all is an error, a log without records is none.
func Read(r io.Reader) (*Log, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read observed connections: %w", err)
	}
	// Some programs begin a file with this mark; it says nothing.
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	switch first := bytes.TrimLeft(text, " \t\r\n"); {
	case len(first) == 0:
		return nil, errors.New("there are no observed connections in it: it is empty")
	case first[0] == '{' || first[0] == '[':
		return readJSON(text)
	}
	return readCSV(text)
}

// end reads "namespace/pod", "pod" or an address.
func end(text string) (End, error) {
	text = strings.TrimSpace(text)
	if addr, err := netip.ParseAddr(text); err == nil {
		return End{Address: addr.Unmap().WithZone("")}, nil
	}
	namespace, pod, both := strings.Cut(text, "/")
	if !both {
		return podEnd("", text)
	}
	if namespace == "" {
		return End{}, fmt.Errorf("%q names no namespace before its slash", text)
	}
	return podEnd(namespace, pod)
}

// podEnd returns a pod. Without a namespace, it is one of which that is not told.
func podEnd(namespace, pod string) (End, error) {
	if len(validation.IsDNS1123Subdomain(pod)) > 0 {
		return End{}, fmt.Errorf("%q is neither an address nor the name of a pod, with its namespace before a slash", pod)
	}
	if namespace != "" && len(validation.IsDNS1123Label(namespace)) > 0 {
		return End{}, fmt.Errorf("%q is no name of a namespace", namespace)
	}
	return End{Namespace: namespace, Pod: pod}, nil
}

// protocol reads the name of a protocol; TCP when it is empty.
func protocol(text string) (corev1.Protocol, error) {
	p := corev1.Protocol(cmp.Or(strings.ToUpper(strings.TrimSpace(text)), string(corev1.ProtocolTCP)))
	if !slices.Contains([]corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}, p) {
		return "", fmt.Errorf("protocol %q: want TCP, UDP or SCTP", text)
	}
	return p, nil
}

// outcome reads what became of a connection; it passed when nothing is said.
func outcome(text string) (Outcome, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "allowed", "forwarded":
		return Passed, nil
	case "denied", "dropped":
		return Denied, nil
	}
	return "", fmt.Errorf("verdict %q: want allowed or denied", text)
}

// maxCount keeps sums of counts in bounds.
const maxCount = 1<<31 - 1

func checkCount(count int64) error {
	if count < 1 || count > maxCount {
		return fmt.Errorf("count %d: want 1 to %d", count, maxCount)
	}
	return nil
}

func checkPort(port int64) error {
	if port < 1 || port > 65535 {
		return fmt.Errorf("port %d: want 1 to 65535", port)
	}
	return nil
}
