package main

import "runtime/debug"

// stamped is set by the linker (see Makefile); empty in a build by `go install`.
var stamped string //nolint:gochecknoglobals // the linker can set nothing else

// version is the one that was stamped, or else that of the module, as the Go toolchain recorded it.
func version() string {
	if stamped != "" {
		return stamped
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
