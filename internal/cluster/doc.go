// Package cluster reads the facts that decisions need from a Kubernetes cluster: snapshots of one namespace from the
// controllers' cache, and a slim store of pods. It decides nothing and writes nothing.
package cluster
