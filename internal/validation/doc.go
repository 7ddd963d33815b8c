// Package validation checks a profile against every rule that can be known without a cluster. The API server checks
// the same rules by the CRD's schema and CEL; here they hold also under an older CRD, and for files.
//
// An invalid profile changes nothing: its last good policies stay. So every check must err on the side of an error.
package validation
