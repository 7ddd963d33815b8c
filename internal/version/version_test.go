package version

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestTheStampComesBeforeWhatTheToolchainRecorded(t *testing.T) {
	module := debug.Module{Version: "v0.2.0"}
	commit := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"}}
	changed := []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}
	for name, test := range map[string]struct {
		stamp           string
		build           *debug.BuildInfo
		version, commit string
	}{
		"stamped":                 {"v0.1.0", &debug.BuildInfo{Main: module, Settings: commit}, "v0.1.0", "abc"},
		"installed from a module": {"", &debug.BuildInfo{Main: module}, "v0.2.0", ""},
		"from changed files":      {"", &debug.BuildInfo{Main: module, Settings: changed}, "v0.2.0", "abc-dirty"},
		"nothing recorded":        {"", nil, "unknown", ""},
		"no version recorded":     {"", &debug.BuildInfo{}, "unknown", ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := Info{Version: test.version, GitCommit: test.commit, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if got := from(test.stamp, test.build); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestAProgramAlwaysHasAVersion(t *testing.T) {
	if String() == "" {
		t.Error("the version of this test is empty")
	}
}
