package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"
)

const (
	// looksEvery is how often it is looked whether there is memory to give back.
	looksEvery = 20 * time.Second
	// worthIt is how much memory, in bytes, is worth a look at all of it.
	worthIt = 16 << 20
	// garbagePercent is how much garbage there may be, in percent of what is in use, before it is collected. What is in use is small, and
	// what a roll-out leaves behind is many times as much: at the 100 that Go has, a tenth of the work was collecting.
	garbagePercent = 200
	// usablePercent is how much of GOMEMLIMIT Go may use. The Deployment sets that to the limit of the container's memory, of which some is
	// none of Go's, and cannot say nine tenths of it.
	usablePercent = 90
)

// collectLess has garbage collected less often, unless somebody has decided how often, and sooner where there is no room for it.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		debug.SetMemoryLimit(limit / 100 * usablePercent)
	}
}

// onEveryReplica runs on replicas that stand by, too: they know the pods as well.
type onEveryReplica func(context.Context) error

var _ manager.LeaderElectionRunnable = onEveryReplica(nil)

// Start implements manager.Runnable.
func (run onEveryReplica) Start(ctx context.Context) error { return run(ctx) }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (onEveryReplica) NeedLeaderElection() bool { return false }

// giveBack returns memory to the system when the operator has come to rest. What the first lists of a large cluster, a roll-out or a look
// at all policies leave behind is several times what is kept of them. Go keeps garbage until there is enough of it, also at rest, and the
// room for it afterwards. Whoever watches memory, and pays for it, sees that.
func giveBack(ctx context.Context) error {
	ticker := time.NewTicker(looksEvery)
	defer ticker.Stop()
	before := readMemory()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			now := readMemory()
			if now.isWorth(before) {
				debug.FreeOSMemory()
			}
			before = now
		}
	}
}

// memory is how it stands with the memory of the program.
type memory struct {
	// collections is how often Go collected garbage by itself.
	collections uint64
	// objects are bytes in use, or not collected yet; live are those of them that were in use when it was last collected; free are those
	// that nothing has, and the system has not either.
	objects, live, free uint64
}

// isWorth says whether so much memory can be given back that it is worth the work, at a time when there is little else to do: while there
// is, Go collects by itself.
func (m memory) isWorth(before memory) bool {
	garbage := uint64(0)
	if m.objects > m.live {
		garbage = m.objects - m.live
	}
	return m.collections == before.collections && garbage+m.free >= worthIt
}

func readMemory() memory {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/automatic:gc-cycles"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	return memory{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64(), samples[3].Value.Uint64()}
}
