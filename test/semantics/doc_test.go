// Package semantics_test holds what the compiler writes against what profiles say. A short reading of profiles in words, made
// from the documentation alone, and the evaluator of the compiled policies must agree about every connection of random
// clusters.
package semantics_test
