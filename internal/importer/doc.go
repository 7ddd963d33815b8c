// Package importer turns NetworkPolicies that people wrote into a profile that means the same: tiers from the selectors, allow
// entries from the rules. It proves that before it returns anything: with the profile's policies in the place of those that it was made
// from, each pod that there could be admits the same at its end, from and to everybody. What policies say it has from package evaluator,
// not from its own reading of them. A policy that a profile cannot say is left out, and stays what it is beside the profile. It knows
// nothing of files, of the API server, or of how a profile is printed.
package importer
