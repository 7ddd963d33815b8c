// Package starter proposes a profile for what runs in a namespace: tiers from workloads, their labels and ports, and, where connections
// were observed, who may talk to whom. It proposes and proves nothing: what was not seen is not in it, though it may be needed, and
// what was seen is in it, though it should perhaps not be. It knows nothing of files, of the API server, or of how a profile is
// printed.
//
// The rooms: groups puts pods together by the part that they play, selecting chooses labels that tell them from others, ports says on
// what they serve, party says who an end of a connection is, observed gathers connections by who their ends are, entries makes allow
// entries of them.
//
//	proposal, err := starter.Propose(starter.Input{Namespace: "shop", Name: "shop", Cluster: cluster, Observed: log})
package starter
