// Package random draws clusters for tests: namespaces, pods, valid profiles of both kinds, the facts that these are looked up
// in, and NetworkPolicies that somebody else wrote. What is drawn is small and made of few names, so that things meet.
//
// The same seed and number draw the same, so a test prints its seed, and a failure tells the number:
//
//	for number := range uint64(cases) {
//		c := random.New(seed, number).Cluster()
//		...
//	}
//
// It knows profiles and facts. It must not know what becomes of them, so that every test can use it.
package random
