// Package semantics_test holds what the compiler writes against what profiles say. Package intent, which reads the profiles, and
// the evaluator of the compiled policies must agree about every connection of random clusters.
package semantics_test
