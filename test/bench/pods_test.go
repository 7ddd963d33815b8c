package main

import (
	"encoding/json"
	"testing"
)

func TestPodsAreOfTheUsualSizeAndEachIsItsOwn(t *testing.T) {
	p, err := (&rollOut{namespaces: []string{"a", "b"}}).newPods(8)
	if err != nil {
		t.Fatal(err)
	}
	names, addresses := map[string]bool{}, map[string]bool{}
	for i, pod := range p.all {
		names[pod.Namespace+"/"+pod.Name], addresses[pod.Status.PodIP] = true, true
		if want := []string{"a", "a", "a", "b", "b", "b", "a", "a"}[i]; pod.Namespace != want {
			t.Errorf("pod %d is in namespace %s, want %s", i, pod.Namespace, want)
		}
	}
	if len(names) != 8 || len(addresses) != 8 {
		t.Errorf("8 pods have %d names and %d addresses", len(names), len(addresses))
	}
	text, err := json.Marshal(p.all[0])
	if err != nil || len(text) < 5000 {
		t.Errorf("a pod has %d bytes, %v", len(text), err)
	}
}
