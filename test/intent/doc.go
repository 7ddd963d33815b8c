// Package intent says which connections profiles allow, by reading them as their documentation tells people to: a second opinion
// for tests, made from the documentation alone.
//
//	said := intent.Read(cluster).Between(evaluator.OfPod(&cluster.Pods[0]), evaluator.OfPod(&cluster.Pods[1]))
//	if said.Allowed.Contains(corev1.ProtocolTCP, 8080) {
//		...
//	}
//
// It knows nothing of NetworkPolicies but that they do not govern pods on the host network, and that it is up to the network plugin
// whether a range of addresses means the pods in it. It must not know the compiler, and takes from the evaluator no more than the
// words in which to ask and answer, so that either can be held against it.
package intent
