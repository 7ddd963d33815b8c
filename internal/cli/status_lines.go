package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"firebreak.dev/firebreak/internal/overview"
	"firebreak.dev/firebreak/internal/render"
	"firebreak.dev/firebreak/internal/snapshot"
)

// statusLines shows an overview as lines, or documents, and then one more for each profile that changed, as kubectl does.
type statusLines struct {
	*statusCommand
	table *render.StatusTable
	shown map[snapshot.ProfileKey]shownProfile
	// said are the notes that stand.
	said map[string]bool
}

// shownProfile is what was written last about a profile.
type shownProfile struct {
	// text tells whether it changed: ages are not in it.
	text    string
	profile overview.Profile
}

func newStatusLines(o *statusCommand) *statusLines {
	return &statusLines{statusCommand: o, shown: map[snapshot.ProfileKey]shownProfile{}, said: map[string]bool{}}
}

func (l *statusLines) show(seen *overview.Overview, failing error) error {
	l.note(seen, failing)
	now := time.Now()
	if l.isTable() && l.table == nil && len(seen.Profiles) > 0 {
		l.table = render.NewStatusTable(seen, render.StatusColumns{Wide: l.output == outputWide, Now: now}, styleFor(l.streams.Out))
		fmt.Fprintln(l.streams.Out, l.table.Header())
	}
	there := map[snapshot.ProfileKey]bool{}
	for _, p := range seen.Profiles {
		there[p.Key()] = true
		if err := l.showChanged(p, now); err != nil {
			return err
		}
	}
	return l.showGone(there, now)
}

// showChanged writes a profile, unless what would be written was written already.
func (l *statusLines) showChanged(p overview.Profile, now time.Time) error {
	text, err := l.timeless(p)
	if err != nil {
		return err
	}
	if before, ok := l.shown[p.Key()]; ok && before.text == text {
		return nil
	}
	l.shown[p.Key()] = shownProfile{text, p}
	return l.write(change{Profile: p}, now)
}

// showGone writes the profiles that are there no more.
func (l *statusLines) showGone(there map[snapshot.ProfileKey]bool, now time.Time) error {
	for _, key := range slices.SortedFunc(maps.Keys(l.shown), compareProfiles) {
		if there[key] {
			continue
		}
		if err := l.write(change{Profile: l.shown[key].profile, Deleted: true}, now); err != nil {
			return err
		}
		delete(l.shown, key)
	}
	return nil
}

func compareProfiles(a, b snapshot.ProfileKey) int {
	return snapshot.Profile{Key: a}.Compare(snapshot.Profile{Key: b})
}

// timeless returns what would be written about a profile were it never getting older.
func (l *statusLines) timeless(p overview.Profile) (string, error) {
	if l.isTable() {
		return l.table.At(time.Time{}).Row(p), nil
	}
	var out strings.Builder
	err := render.JSON(&out, p)
	return out.String(), err
}

// change is a document about a profile that changed.
type change struct {
	overview.Profile `json:",inline"`
	Deleted          bool `json:"deleted,omitempty"`
}

// write writes one line or document.
func (l *statusLines) write(c change, now time.Time) error {
	out := l.streams.Out
	switch {
	case l.output == outputJSON:
		return render.JSON(out, c)
	case l.output == outputYAML:
		if _, err := fmt.Fprintln(out, "---"); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return render.YAML(out, c)
	case c.Deleted:
		fmt.Fprintln(out, l.table.At(now).Gone(c.Profile))
	default:
		fmt.Fprintln(out, l.table.At(now).Row(c.Profile))
	}
	return nil
}

// note writes what has not been said yet of what cannot be seen. What is no longer so may be said again.
func (l *statusLines) note(seen *overview.Overview, failing error) {
	notes := slices.Concat(seen.Notes, seen.Unsure())
	// For how long there is no operator would be another note each time.
	operator := string(seen.Operator.State)
	if seen.Operator.State == overview.OperatorNotSeen && !l.said[operator] {
		fmt.Fprintln(l.streams.ErrOut, "Note:", seen.Operator.Message)
	}
	if len(seen.Profiles) == 0 && len(l.shown) == 0 && l.isTable() && !l.said[""] {
		l.nothing(seen)
	}
	if failing != nil {
		notes = append(notes, notCurrent(failing))
	}
	said := map[string]bool{operator: true, "": true}
	for _, note := range notes {
		if said[note] = true; !l.said[note] {
			fmt.Fprintln(l.streams.ErrOut, "Note:", note)
		}
	}
	l.said = said
}

func (l *statusLines) close() {}
