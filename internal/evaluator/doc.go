// Package evaluator knows what NetworkPolicies mean: may this pod connect to that one, and who decides? It answers for all
// policies together, whoever wrote them, as the API defines it (k8s.io/api/networking/v1), and says so where the API leaves
// the answer to the network plugin. It knows nothing of profiles, and nothing of what is in force: only of what is written.
//
//	e, err := evaluator.New(evaluator.World{Namespaces: namespaces, Pods: pods, Policies: policies})
//	answer := e.Evaluate(evaluator.Connection{
//		Source: evaluator.OfPod(&web), Destination: evaluator.OfPod(&db), Protocol: corev1.ProtocolTCP, Port: 5432,
//	})
//	answer.Verdict() // Denied
package evaluator
