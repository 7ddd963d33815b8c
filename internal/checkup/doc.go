// Package checkup examines the profiles of a number of files: what the API server would refuse, and what the operator would
// report. Pure; package schema says what the API server would answer, package manifests where everything stands.
//
// Files are a part of a cluster. What is judged by what is absent, is judged only where the files hold objects of the kind
// that is missing, in the namespace where it is missing:
//
//   - a Service, where the files hold a Service of that namespace; the addresses behind one without a selector, where they
//     hold an EndpointSlice of it;
//   - a tier of another profile, where they hold a SegmentationProfile of its namespace;
//   - whether a tier selects pods, where they hold workloads in every namespace of the profile;
//   - nodes, and the API server, where they hold Nodes, and the Service and EndpointSlices of the API server;
//   - whether the other end of a connection is closed, where they hold a profile or a NetworkPolicy of its namespace.
//
// Elsewhere it is said once, as Info, that it was not checked, and nobody fails because of it.
package checkup
