//go:build !linux

package testbed

import (
	"context"
	"errors"
)

// Inside says whether this program runs in a sandbox.
func Inside() bool { return false }

// Possible returns an error that says why a sandbox is not to be had.
func Possible(context.Context) error { return errors.New("network namespaces need Linux") }

// Enter fails as Possible does.
func Enter(ctx context.Context) (int, error) { return 0, Possible(ctx) }

// Furnish does nothing: nobody comes here.
func Furnish(context.Context) {}
