package enforcement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Meaning is what the presence of a plugin means.
type Meaning string

const (
	// Enforces means: the plugin enforces NetworkPolicies, as it is usually set up.
	Enforces Meaning = "Enforces"
	// MayEnforce means: whether it does depends on what cannot be seen.
	MayEnforce Meaning = "MayEnforce"
	// Ignores means: it does not, by itself.
	Ignores Meaning = "Ignores"
)

// Sign is what one object of the cluster says. The zero value says nothing.
type Sign struct {
	// Plugin is the product's name.
	Plugin  string
	Meaning Meaning
	// Where names the object, or the kind of object, for people.
	Where string
}

// Seen is what was looked at.
type Seen struct {
	Nodes, DaemonSets int
	// Signs in any order; those of objects that say nothing may be left out.
	Signs []Sign
	// Forbidden: it is not allowed to look.
	Forbidden bool
}

// Verdict is what can be said.
type Verdict struct {
	State State
	// Evidence says what was seen, as a part of a sentence; empty unless State is NotSeen.
	Evidence string
}

// State is whether something was seen that enforces policies.
type State string

const (
	// EnforcerSeen means: a plugin that is known to enforce was seen.
	EnforcerSeen State = "EnforcerSeen"
	// NotSeen means: there are nodes, and no such plugin was seen.
	NotSeen State = "NotSeen"
	// Unknown means: nothing can be said, as there are no nodes, or one may not look, or what was seen may enforce or not.
	Unknown State = "Unknown"
)

// Judge says what can be said of what was seen.
func Judge(seen Seen) Verdict {
	if seen.Nodes == 0 || seen.Forbidden {
		return Verdict{State: Unknown}
	}
	undecided := false
	for _, s := range seen.Signs {
		switch {
		case s.Meaning == Enforces && !isContradicted(s, seen.Signs):
			return Verdict{State: EnforcerSeen}
		case s.Meaning == MayEnforce:
			undecided = true
		}
	}
	if undecided {
		return Verdict{State: Unknown}
	}
	return Verdict{State: NotSeen, Evidence: evidence(seen)}
}

// isContradicted says whether another object says of the same plugin that it does not enforce: what the servers of k3s are
// told holds for its agents, too.
func isContradicted(s Sign, signs []Sign) bool {
	return slices.ContainsFunc(signs, func(other Sign) bool { return other.Plugin == s.Plugin && other.Meaning == Ignores })
}

// evidence says what was looked at, and which plugins were seen that do not enforce.
func evidence(seen Seen) string {
	text := fmt.Sprintf("among %s and %s", count(seen.Nodes, "node"), count(seen.DaemonSets, "DaemonSet"))
	signs := slices.DeleteFunc(slices.Clone(seen.Signs), func(s Sign) bool { return s.Meaning != Ignores })
	slices.SortFunc(signs, func(a, b Sign) int { return cmp.Or(cmp.Compare(a.Plugin, b.Plugin), cmp.Compare(a.Where, b.Where)) })
	var ignoring []string
	for i, s := range signs {
		if i == 0 || signs[i-1].Plugin != s.Plugin {
			ignoring = append(ignoring, fmt.Sprintf("%s (%s)", s.Plugin, s.Where))
		}
	}
	if len(ignoring) > 0 {
		text += ", and by itself this does not enforce them: " + strings.Join(ignoring, ", ")
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
