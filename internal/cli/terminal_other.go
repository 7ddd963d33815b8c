//go:build !unix

package cli

import "context"

// windowResized never tells: there is no signal for it here. What is drawn next has the new size.
func windowResized(context.Context) <-chan struct{} { return nil }
