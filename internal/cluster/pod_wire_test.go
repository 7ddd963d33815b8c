package cluster

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/randfill"

	"firebreak.dev/firebreak/internal/snapshot"
)

// randomPods returns what makes pods of which every field may be set, those that the store reads to what it tells apart.
func randomPods(seed int64) *randfill.Filler {
	pick := func(c randfill.Continue, values ...string) string {
		if i := c.Intn(len(values) + 1); i < len(values) {
			return values[i]
		}
		return c.String(0)
	}
	return randfill.NewWithSeed(seed).NilChance(0.3).NumElements(1, 3).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(c.Int63(), resource.DecimalSI)
		},
		func(p *corev1.PodPhase, c randfill.Continue) {
			*p = corev1.PodPhase(pick(c, "Running", "Pending", "Succeeded", "Failed"))
		},
		func(p *corev1.ContainerRestartPolicy, c randfill.Continue) {
			*p = corev1.ContainerRestartPolicy(pick(c, "Always", "Never"))
		},
		func(p *corev1.Protocol, c randfill.Continue) { *p = corev1.Protocol(pick(c, "TCP", "UDP", "")) },
		func(p *corev1.PodIP, c randfill.Continue) {
			p.IP = pick(c, "10.0.0.1", "fd00::1", "::ffff:10.0.0.1", "")
		},
		func(o *metav1.OwnerReference, c randfill.Continue) {
			c.FillNoCustom(o)
			o.Kind, o.Name = pick(c, "ReplicaSet", "Job"), pick(c, "web-5d8f", "web")
		},
		func(m *metav1.ObjectMeta, c randfill.Continue) {
			c.FillNoCustom(m)
			if m.Labels != nil && c.Bool() {
				m.Labels["pod-template-hash"] = pick(c, "5d8f", "")
			}
			if m.Annotations != nil && c.Bool() {
				m.Annotations[metav1.InitialEventsAnnotationKey] = pick(c, "true", "")
			}
		},
	)
}

// differences says how a pod differs from what it was read from; empty when it does not.
func differences(got *watchedPod, from *corev1.Pod) string {
	var out []string
	want, have := snapshot.FromPod(from), got.read()
	want.Addresses = nil
	if maps.Equal(want.Labels, have.Labels) {
		want.Labels = have.Labels
	}
	if len(want.Ports) == 0 && len(have.Ports) == 0 {
		want.Ports = have.Ports
	}
	if !reflect.DeepEqual(have, want) {
		out = append(out, fmt.Sprintf("got %#v\nwant %#v", have, want))
	}
	var addresses []string
	for _, ip := range from.Status.PodIPs {
		addresses = append(addresses, ip.IP)
	}
	if joined := strings.Join(addresses, ","); got.joinedAddresses() != joined && !from.Spec.HostNetwork || got.joinedAddresses() != "" && from.Spec.HostNetwork {
		out = append(out, fmt.Sprintf("addresses %q of %q", got.joinedAddresses(), joined))
	}
	if got.meta.ResourceVersion != from.ResourceVersion {
		out = append(out, fmt.Sprintf("resource version %q, want %q", got.meta.ResourceVersion, from.ResourceVersion))
	}
	ended, has := got.meta.Annotations[metav1.InitialEventsAnnotationKey]
	if wantEnded, wantHas := from.Annotations[metav1.InitialEventsAnnotationKey]; ended != wantEnded || has != wantHas {
		out = append(out, fmt.Sprintf("annotation %q, want %q", ended, wantEnded))
	}
	return strings.Join(out, "\n")
}

func TestAPodIsReadAsItIs(t *testing.T) {
	var got watchedPod
	for seed := range int64(1000) {
		var whole corev1.Pod
		randomPods(seed).Fill(&whole)
		data, err := whole.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got.Reset()
		if err := got.Unmarshal(data); err != nil {
			t.Fatal(err)
		}
		if d := differences(&got, &whole); d != "" {
			t.Fatalf("seed %d: %s", seed, d)
		}
	}
}

func TestAListOfPodsIsReadAsItIs(t *testing.T) {
	var got watchedPodList
	for seed := range int64(100) {
		var whole corev1.PodList
		randomPods(seed).Fill(&whole)
		data, err := whole.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got.Reset()
		if err := got.Unmarshal(data); err != nil {
			t.Fatal(err)
		}
		want := metav1.ListMeta{ResourceVersion: whole.ResourceVersion, Continue: whole.Continue, RemainingItemCount: whole.RemainingItemCount}
		if !reflect.DeepEqual(got.meta, want) || len(got.Items) != len(whole.Items) {
			t.Fatalf("seed %d: got %v and %d pods, want %v and %d", seed, got.meta, len(got.Items), want, len(whole.Items))
		}
		for i := range whole.Items {
			if d := differences(&got.Items[i], &whole.Items[i]); d != "" {
				t.Fatalf("seed %d, pod %d: %s", seed, i, d)
			}
		}
	}
}

func TestWhatIsCopiedIsReadFromNoMore(t *testing.T) {
	list := corev1.PodList{Items: []corev1.Pod{*largePod()}}
	randomPods(1).Fill(&list.ListMeta)
	data, err := list.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var got watchedPodList
	if err := got.Unmarshal(data); err != nil {
		t.Fatal(err)
	}
	copied, ok := got.DeepCopyObject().(*watchedPodList)
	if !ok || !reflect.DeepEqual(copied, &got) {
		t.Errorf("got %v, want %v", copied, got)
	}
	// The bytes that were received are overwritten by what comes next.
	clear(data)
	for i := range got.Items {
		if d := differences(&got.Items[i], &list.Items[i]); d != "" {
			t.Errorf("pod %d changed with the bytes that it was read from: %s", i, d)
		}
		clear(got.Items[i].meta.Labels)
		clear(got.Items[i].ports)
		clear(got.Items[i].addresses)
		if d := differences(&copied.Items[i], &list.Items[i]); d != "" {
			t.Errorf("pod %d changed with what it is a copy of: %s", i, d)
		}
	}
}

// FuzzPod reads anything as a pod and as a list of pods. Where the whole pod can be read as well, it is the same; what the
// API server would have sent can always be read.
func FuzzPod(f *testing.F) {
	for seed := range int64(5) {
		var whole corev1.Pod
		randomPods(seed).Fill(&whole.Status)
		randomPods(seed).Fill(&whole.ObjectMeta)
		data, err := whole.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	data, err := largePod().Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		var list watchedPodList
		_ = list.Unmarshal(data)
		var got watchedPod
		var whole corev1.Pod
		gotErr, wholeErr := got.Unmarshal(data), whole.Unmarshal(data)
		if wholeErr != nil {
			return
		}
		if gotErr == nil {
			if d := differences(&got, &whole); d != "" {
				t.Error(d)
			}
		}
		again, err := whole.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		// What others forgive must not be what is sent: numbers of more than 64 bits, or an entry of a map that is longer than it says.
		if gotErr != nil && bytes.Equal(data, again) {
			t.Errorf("others read a pod: %v", gotErr)
		}
		if d := differences(sent(&whole), &whole); d != "" {
			t.Error(d)
		}
	})
}
