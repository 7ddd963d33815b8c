// Package testbed is a cluster on one machine through which real packets flow: a node, pods and outside hosts, each in a network
// namespace of its own, a real control plane, and a network plugin that others wrote, which enforces NetworkPolicies.
//
// All of it lives in a sandbox: a program enters it by running itself again in new network, mount and PID namespaces. Nothing
// leads out of there, so no packet leaves the machine and no port or address can clash; and when the program ends, everything
// that it started ends with it.
//
//	func TestMain(m *testing.M) {
//		if testbed.Inside() {
//			testbed.Furnish(ctx)
//			os.Exit(m.Run())
//		}
//		err := testbed.Possible(ctx) // says what this machine lacks
//		...
//		code, err := testbed.Enter(ctx) // runs this test binary once more, inside
//		...
//	}
//
// Whoever answers a connection says its name, so that a connection that passes proves whom it reached.
package testbed
