// Package witness holds Firebreak's evaluator against a second, independent reading of NetworkPolicies: the engine of
// sigs.k8s.io/kube-network-policies, which SIG Network keeps. Both are asked about the same connections in the same
// clusters, written by hand and drawn at random. It is a module of its own, so that the engine's dependencies are not
// Firebreak's.
//
// The engine is one network plugin. Where the API leaves the answer to the plugin, the evaluator says Undecidable, and the
// engine is asked whether it could be either: with the ipBlocks and without them.
package witness
