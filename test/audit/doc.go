// Package audit reads from the API server's audit log what the operator asked for, and holds it against the rights that are
// shipped with it.
package audit
