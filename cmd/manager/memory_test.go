package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestGarbageIsCollectedLessOftenWithinTheLimitUnlessSomebodyDecided(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) })
	for name, c := range map[string]struct {
		gogc                 string
		limit                int64
		wantPercent, wantMiB int
	}{
		"nothing is set": {"", math.MaxInt64, 200, math.MaxInt64 >> 20},
		"a limit":        {"", 1000 << 20, 200, 900},
		"how often":      {"50", 1000 << 20, 100, 900},
	} {
		t.Setenv("GOGC", c.gogc)
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(c.limit)
		collectLess()
		if percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)>>20; percent != c.wantPercent || limit != int64(c.wantMiB) {
			t.Errorf("%s: %d %% and %d MiB", name, percent, limit)
		}
	}
}

func TestMemoryIsGivenBackAtRestAndNotForLittle(t *testing.T) {
	const mebi = 1 << 20
	for name, c := range map[string]struct {
		before, now memory
		want        bool
	}{
		"a collected heap that is kept":         {memory{collections: 7}, memory{7, 50 * mebi, 50 * mebi, 40 * mebi}, true},
		"garbage that nobody collects":          {memory{collections: 7}, memory{7, 90 * mebi, 50 * mebi, 0}, true},
		"a little of both":                      {memory{collections: 7}, memory{7, 60 * mebi, 50 * mebi, 7 * mebi}, true},
		"too little":                            {memory{collections: 7}, memory{7, 55 * mebi, 50 * mebi, 5 * mebi}, false},
		"while there is work":                   {memory{collections: 7}, memory{8, 90 * mebi, 50 * mebi, 40 * mebi}, false},
		"less than there was, and nothing kept": {memory{collections: 7}, memory{7, 40 * mebi, 50 * mebi, 0}, false},
	} {
		if got := c.now.isWorth(c.before); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestWhatIsReadOfMemoryIsWhatItIsTakenFor(t *testing.T) {
	kept := make([]byte, 64<<20)
	for i := range kept {
		kept[i] = 1
	}
	debug.FreeOSMemory()
	with := readMemory()
	runtime.KeepAlive(kept)
	kept = nil
	runtime.GC()
	without := readMemory()
	if with.live < 64<<20 || without.live+60<<20 > with.live || without.free < 60<<20 || without.isWorth(with) != (without.collections == with.collections) {
		t.Errorf("with 64 MiB: %+v; without: %+v", with, without)
	}
	debug.FreeOSMemory()
	if after := readMemory(); after.free > without.free/2 {
		t.Errorf("of %d bytes %d were kept", without.free, after.free)
	}
}
