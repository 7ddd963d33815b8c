// Package analyzer judges what a namespace's NetworkPolicies, those of profiles and those of others, come to together: what
// others add to what profiles declare, which flows end at a closed door, what enforcing a profile would change, and which
// well-known mistakes a policy makes. It reads nothing and writes nothing. Where something cannot be told it says so.
package analyzer
