package portset

import (
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestStringOfASet(t *testing.T) {
	for want, set := range map[string]Set{
		"no port":                        {},
		"every port":                     All(),
		"TCP/80":                         Of("TCP", 80, 80),
		"TCP/80-82, UDP/53":              Of("UDP", 53, 53).Union(Of("TCP", 80, 81)).Union(Of("TCP", 82, 82)),
		"every TCP port, SCTP/9":         Every("TCP").Union(Of("SCTP", 9, 9)),
		"TCP/1-79, TCP/81-65535":         Every("TCP").Minus(Of("TCP", 80, 80)),
		"TCP/65530-65535":                Of("TCP", 65530, 70000),
		"every TCP port, every UDP port": All().Minus(Every("SCTP")),
	} {
		if got := set.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if !Of("ICMP", 1, 2).IsEmpty() || !Of("TCP", 5, 4).IsEmpty() || !Of("TCP", -3, 0).IsEmpty() {
		t.Error("ports that do not exist")
	}
}

// TestArithmeticIsThatOfSets compares with maps, on random sets over few ports at both ends of the range.
func TestArithmeticIsThatOfSets(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	type port struct {
		protocol corev1.Protocol
		number   int32
	}
	var universe []port
	for _, protocol := range Protocols() {
		for n := range int32(8) {
			universe = append(universe, port{protocol, First + n}, port{protocol, Last - n})
		}
	}
	draw := func() (Set, map[port]bool) {
		var set Set
		model := map[port]bool{}
		for range random.IntN(4) {
			p := universe[random.IntN(len(universe))]
			last := min(p.number+random.Int32N(4), Last)
			if p.number < First+8 {
				last = min(last, First+7)
			}
			set = set.Union(Of(p.protocol, p.number, last))
			for n := p.number; n <= last; n++ {
				model[port{p.protocol, n}] = true
			}
		}
		return set, model
	}
	for range 20000 {
		a, inA := draw()
		b, inB := draw()
		union, both, minus := a.Union(b), a.Intersect(b), a.Minus(b)
		covers, equal := true, true
		for _, p := range universe {
			x, y := inA[p], inB[p]
			covers, equal = covers && (x || !y), equal && x == y
			for name, c := range map[string][2]bool{
				"union": {union.Contains(p.protocol, p.number), x || y}, "intersection": {both.Contains(p.protocol, p.number), x && y},
				"difference": {minus.Contains(p.protocol, p.number), x && !y},
			} {
				if c[0] != c[1] {
					t.Fatalf("%s of %s and %s: %v is in it: %t", name, a, b, p, c[0])
				}
			}
		}
		if a.Covers(b) != covers || a.Equal(b) != equal || !union.Equal(b.Union(a)) || !minus.Union(both).Equal(a) {
			t.Fatalf("%s and %s: covers %t, equal %t", a, b, a.Covers(b), a.Equal(b))
		}
	}
}
