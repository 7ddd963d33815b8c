package main

import (
	"testing"

	"k8s.io/client-go/rest"
)

func TestTheClientOfTheLeaseLeavesTheOthersAlone(t *testing.T) {
	config := &rest.Config{Host: "https://192.0.2.1", UserAgent: "firebreak"}
	o, err := parseFlags(nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newElection(config, o)
	if err != nil || e.lock == nil {
		t.Fatalf("there is no election: %v", err)
	}
	// A timeout among all clients would end each of their watches.
	if config.Timeout != 0 || config.UserAgent != "firebreak" {
		t.Errorf("all clients are %q with a timeout of %s", config.UserAgent, config.Timeout)
	}
}
