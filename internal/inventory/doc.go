// Package inventory makes one snapshot of a cluster from API objects, wherever they come from: from files, from a cluster, or
// from files laid over a cluster. Pure; packages manifests and live read the objects.
package inventory
