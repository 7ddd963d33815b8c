// Package enforcement judges by the looks of a cluster whether something in it enforces NetworkPolicies. Nothing in the
// Kubernetes API says so: a cluster without such a network plugin takes every policy and ignores it. What can be seen are
// the DaemonSets as which plugins run, and traces on nodes of those that are built into a distribution.
//
// It knows names only, so it never says that policies are enforced, nor that they are not: it says what was seen. For
// example, with three nodes and a DaemonSet kube-flannel/kube-flannel-ds it says that nothing known to enforce was seen
// among one DaemonSet and three nodes.
package enforcement
