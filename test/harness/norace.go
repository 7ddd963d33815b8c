//go:build !race

package harness

// raceEnabled says whether this package was built with the race detector.
const raceEnabled = false
