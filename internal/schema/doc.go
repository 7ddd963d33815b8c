// Package schema answers what an API server that serves Firebreak's CustomResourceDefinitions would answer to a profile
// that is to be created, without asking one: which fields it does not know, which of its rules the profile breaks, in
// its own words, and what the profile looks like with all defaults.
//
// It goes the way of the API server's handler for custom resources, with the API server's own packages: strict decoding,
// pruning, defaulting, metadata, OpenAPI schema, lists that are maps or sets, and the CEL rules with their cost limits.
// It knows nothing that only a cluster can know: whether the namespace exists, whether the name is taken, quotas and
// admission webhooks.
//
//	verdict := server.Create(ctx, schema.Request{Text: text, Namespace: "shop"})
//	fmt.Println(verdict.Err()) // SegmentationProfile.firebreak.dev "shop" is invalid: spec.tiers: Required value
package schema
