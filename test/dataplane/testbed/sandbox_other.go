//go:build !linux

package testbed

import (
	"context"
	"errors"
)

// errNeedsLinux is why nothing here works.
var errNeedsLinux = errors.New("network namespaces need Linux")

// Inside says whether this program runs in a sandbox.
func Inside() bool { return false }

// Possible returns an error that says why a sandbox is not to be had.
func Possible(context.Context) error { return errNeedsLinux }

// Enter fails as Possible does.
func Enter(context.Context) (int, error) { return 0, errNeedsLinux }

// Furnish does nothing: nobody comes here.
func Furnish(context.Context) {}
