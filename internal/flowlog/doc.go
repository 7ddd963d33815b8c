// Package flowlog reads records of connections that were seen: a table (CSV), JSON of the same form, or what Hubble exports. It says
// what the records say, and knows nothing of who the ends are in a cluster, nor of files.
//
//	log, err := flowlog.Read(file)
//	for _, flow := range log.Flows { ... }
package flowlog
