package semantics_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"
)

// Which random cases the tests of this package look at. A failure tells the command that looks at its case alone.
var (
	cases    = flag.Uint64("cases", 10000, "the number of random clusters of each test")
	seed     = flag.Uint64("seed", rand.Uint64(), "the seed of the random clusters")
	onlyCase = flag.Int64("case", -1, "the one case to look at; -1 for all")
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Cases are many and small, and collecting what they leave is a quarter of the time.
	debug.SetGCPercent(500)
	os.Exit(m.Run())
}

// eachCase calls check with the numbers of as many cases, and ends the test at the first that fails. Four cases are looked at side
// by side, so that memory which they should not share shows with the race detector.
func eachCase(t *testing.T, cases uint64, check func(number uint64) error) {
	t.Helper()
	t.Logf("seed %d", *seed)
	name := t.Name()
	const workers = 4
	t.Run("cases", func(t *testing.T) {
		for worker := range uint64(workers) {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for number := worker; number < cases; number += workers {
					if *onlyCase >= 0 && number != uint64(*onlyCase) {
						continue
					}
					if err := check(number); err != nil {
						t.Fatalf("case %d: %v\nAgain: go test ./test/semantics -run '^%s$' -seed=%d -case=%d", number, err, name, *seed, number)
					}
				}
			})
		}
	})
}
