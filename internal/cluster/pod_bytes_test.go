package cluster

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	corev1 "k8s.io/api/core/v1"
)

func TestBytesThatAreSentOtherwiseMeanWhatProtobufSays(t *testing.T) {
	text := func(b []byte, number protowire.Number, value string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), value)
	}
	varint := func(number protowire.Number, value uint64) string {
		return string(protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), value))
	}
	field := func(number protowire.Number, value string) string { return string(text(nil, number, value)) }
	label := func(parts ...string) string { return field(podMetadata, field(metaLabels, strings.Join(parts, ""))) }
	for name, data := range map[string]string{
		"nothing":                             "",
		"of a name that comes twice the last": field(podMetadata, field(metaName, "a")+field(metaName, "b")),
		"metadata in two parts are one":       field(podMetadata, field(metaName, "a")) + label(field(1, "k"), field(2, "v")) + field(podMetadata, field(metaNamespace, "n")),
		"a spec in two parts is one":          field(podSpec, varint(specHostNetwork, 1)) + field(podSpec, field(specContainers, field(containerPorts, varint(portContainerPort, 80)))),
		"a status in two parts is one":        field(podStatus, field(statusPhase, "Failed")) + field(podStatus, field(statusPodIPs, field(podIPAddress, "10.0.0.1"))),
		"of a label that comes twice the last": label(field(1, "k"), field(2, "v")) +
			label(field(1, "k"), field(2, "w")),
		"the value of a label before its key": label(field(2, "v"), field(1, "k")),
		"a label without a value":             label(field(1, "k")),
		"a label without a key":               label(field(2, "v")),
		"a label with something more":         label(field(1, "k"), varint(3, 9), field(2, "v")),
		"a sidecar that says so at last":      field(podSpec, field(specInitContainers, field(containerPorts, varint(portContainerPort, 80))+field(containerRestartPolicy, "Always"))),
		"a sidecar that changed its mind":     field(podSpec, field(specInitContainers, field(containerRestartPolicy, "Always")+field(containerPorts, varint(portContainerPort, 80))+field(containerRestartPolicy, "Never"))),
		"an owner that changed its mind":      field(podMetadata, field(metaOwnerReferences, varint(ownerController, 1)+field(ownerKind, "Job")+varint(ownerController, 0))),
		"a negative port":                     field(podSpec, field(specContainers, field(containerPorts, varint(portContainerPort, 1<<64-1)))),
		"a port of more than 32 bits":         field(podSpec, field(specContainers, field(containerPorts, varint(portContainerPort, 1<<32+80)))),
		"true by another number":              field(podSpec, varint(specHostNetwork, 2)),
		"fields that nobody knows": varint(900, 1) + field(901, "x") + field(podSpec, varint(902, 1)+field(903, "x")) +
			string(protowire.AppendFixed64(protowire.AppendTag(nil, 904, protowire.Fixed64Type), 1)) +
			string(protowire.AppendTag(protowire.AppendTag(nil, 905, protowire.StartGroupType), 905, protowire.EndGroupType)),
	} {
		t.Run(name, func(t *testing.T) {
			var got watchedPod
			var want corev1.Pod
			if err := want.Unmarshal([]byte(data)); err != nil {
				t.Fatal(err)
			}
			if err := got.Unmarshal([]byte(data)); err != nil {
				t.Fatal(err)
			}
			if d := differences(&got, &want); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBytesThatAreNotAPodAreAnError(t *testing.T) {
	whole := largePod()
	data, err := whole.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	list, err := (&corev1.PodList{Items: []corev1.Pod{*whole}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	// A pod has three fields at most, a list two: there are so many places where nothing is missing.
	for what, c := range map[string]struct {
		data  []byte
		read  func([]byte) error
		whole int
	}{
		"pod":  {data, func(b []byte) error { return (&watchedPod{}).Unmarshal(b) }, 3},
		"list": {list, func(b []byte) error { return (&watchedPodList{}).Unmarshal(b) }, 2},
	} {
		read := 0
		for end := range c.data {
			if err := c.read(c.data[:end]); err == nil {
				read++
			}
		}
		if read > c.whole {
			t.Errorf("%d beginnings of a %s were read", read, what)
		}
	}
	number := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	inside := func(path ...protowire.Number) []byte {
		out := []byte{}
		for i := len(path) - 1; i >= 0; i-- {
			b := protowire.AppendTag(nil, path[i], protowire.BytesType)
			if i == len(path)-1 {
				b = protowire.AppendVarint(protowire.AppendTag(nil, path[i], protowire.VarintType), 1)
			} else {
				b = protowire.AppendBytes(b, out)
			}
			out = b
		}
		return out
	}
	for name, data := range map[string][]byte{
		"a number for metadata":        number,
		"a number for a spec":          inside(podSpec),
		"a number for a status":        inside(podStatus),
		"a number for a name":          inside(podMetadata, metaName),
		"a number for a label":         inside(podMetadata, metaLabels),
		"a number for a label's key":   inside(podMetadata, metaLabels, entryKey),
		"a number for an annotation":   inside(podMetadata, metaAnnotations),
		"a number for an owner":        inside(podMetadata, metaOwnerReferences),
		"a number for an owner's name": inside(podMetadata, metaOwnerReferences, ownerName),
		"a number for a container":     inside(podSpec, specContainers),
		"a number for a port":          inside(podSpec, specContainers, containerPorts),
		"a number for a port's name":   inside(podSpec, specInitContainers, containerPorts, portName),
		"a number for a phase":         inside(podStatus, statusPhase),
		"a number for an address":      inside(podStatus, statusPodIPs, podIPAddress),
		"text for a port":              protowire.AppendString(protowire.AppendTag(nil, podSpec, protowire.BytesType), "\x12\x08\x32\x06\x1a\x04http"),
		"text for the host network":    protowire.AppendString(protowire.AppendTag(nil, podSpec, protowire.BytesType), "\x5a\x01y"),
		"a group that does not end":    protowire.AppendTag(nil, 9, protowire.StartGroupType),
		"a group that did not begin":   protowire.AppendTag(nil, 9, protowire.EndGroupType),
		"a field without a number":     {0x02, 0x00},
		"a wire type that is none":     {0x0f},
	} {
		t.Run(name, func(t *testing.T) {
			if err := (&watchedPod{}).Unmarshal(data); err == nil {
				t.Error("was read")
			}
			item := protowire.AppendBytes(protowire.AppendTag(nil, listItems, protowire.BytesType), data)
			if err := (&watchedPodList{}).Unmarshal(item); err == nil {
				t.Error("was read as one of a list")
			}
			if err := new(corev1.Pod).Unmarshal(data); err == nil {
				t.Error("is a pod for others")
			}
		})
	}
}

func TestAListThatDoesNotSayHowLongItIsIsAnError(t *testing.T) {
	text := protowire.AppendString(protowire.AppendTag(nil, listRemainingItemCount, protowire.BytesType), "9")
	data := protowire.AppendBytes(protowire.AppendTag(nil, listMetadata, protowire.BytesType), text)
	if err := (&watchedPodList{}).Unmarshal(data); err == nil {
		t.Error("was read")
	}
	if err := new(corev1.PodList).Unmarshal(data); err == nil {
		t.Error("is a list for others")
	}
}
