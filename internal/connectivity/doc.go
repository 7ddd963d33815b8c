// Package connectivity says who can reach whom, between parties as people think of them, and what differs between two such
// views of a cluster: connections gained and lost, and why. Verdicts are those of package evaluator; here they are gathered
// by party. It knows nothing of files, of the API server, or of how an answer is printed.
//
//	table, err := connectivity.Table(view, connectivity.Scope{Namespaces: []string{"shop"}})
//	report, err := connectivity.Compare(before, after, connectivity.Scope{})
package connectivity
