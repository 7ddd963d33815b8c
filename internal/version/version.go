// Package version says which version of Firebreak a program is, and what it was built from.
package version

import (
	"runtime"
	"runtime/debug"
)

// stamped is set by the linker (see LDFLAGS in the Makefile); empty in a build without it, as by `go install`.
var stamped string //nolint:gochecknoglobals // the linker can set nothing else

// Info says what a program was built from.
type Info struct {
	// Version is never empty: the version that was stamped, else that of the module, else "unknown".
	Version string `json:"version"`
	// GitCommit is the commit that was built, in full, with -dirty where files were changed; empty when it is not known, as in
	// a build without a git checkout.
	GitCommit string `json:"gitCommit,omitempty"`
	// GoVersion is that of the Go toolchain, as go1.26.0.
	GoVersion string `json:"goVersion"`
	// Platform is what the program runs on, as linux/amd64.
	Platform string `json:"platform"`
}

// Get returns what this program was built from.
func Get() Info {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = nil
	}
	return from(stamped, build)
}

// String returns the version of this program, never empty.
func String() string { return Get().Version }

// from returns what is known from a stamp and from what the Go toolchain recorded, nil for nothing.
func from(stamp string, build *debug.BuildInfo) Info {
	info := Info{Version: stamp, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if build == nil {
		build = &debug.BuildInfo{}
	}
	if info.Version == "" {
		info.Version = build.Main.Version
	}
	if info.Version == "" {
		info.Version = "unknown"
	}
	settings := map[string]string{}
	for _, s := range build.Settings {
		settings[s.Key] = s.Value
	}
	info.GitCommit = settings["vcs.revision"]
	if info.GitCommit != "" && settings["vcs.modified"] == "true" {
		info.GitCommit += "-dirty"
	}
	return info
}
