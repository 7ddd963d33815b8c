// Package compiler turns profiles into NetworkPolicies. It answers one question: which policies should one namespace
// have, given the profiles and what the snapshot says of the cluster? It is a pure function; it knows nothing of what
// is in force now (package plan compares) and nothing of how policies are evaluated (package evaluator).
//
// The rooms: resolve turns a peer into NetworkPolicy peers, flows turns an allow entry into rules at either end, dns and
// baseline add what entries do not say, emit writes the policies, names names them, purpose says in words what they do.
package compiler
