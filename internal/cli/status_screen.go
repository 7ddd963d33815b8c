package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"firebreak.dev/firebreak/internal/overview"
	"firebreak.dev/firebreak/internal/render"
)

// Control sequences of terminals (ECMA-48, and xterm's private modes).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// statusScreen shows an overview on a screen of its own, drawn anew each time. When it is closed, the terminal is as it was, and
// the last overview is on it.
type statusScreen struct {
	*statusCommand
	out io.Writer
	// size returns the columns and lines that there are; 0 when that is not known.
	size func() (width, height int)
	// last is what was seen last.
	last *overview.Overview
}

func newStatusScreen(o *statusCommand, file *os.File) *statusScreen {
	s := &statusScreen{statusCommand: o, out: file, size: func() (int, int) {
		width, height, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 0, 0
		}
		return width, height
	}}
	s.enter()
	return s
}

func (s *statusScreen) enter() { fmt.Fprint(s.out, enterScreen) }

func (s *statusScreen) show(seen *overview.Overview, failing error) error {
	s.last = seen
	width, height := s.size()
	style := styleFor(s.streams.Out)
	style.Width = width
	now := time.Now()
	var page bytes.Buffer
	fmt.Fprintln(&page, style.Faint(now.Format(time.TimeOnly)+"  Ctrl-C ends"))
	if failing != nil {
		fmt.Fprintln(&page, style.Yellow(notCurrent(failing)))
	}
	fmt.Fprintln(&page)
	if err := s.write(&page, seen, style, now); err != nil {
		return err
	}
	_, err := io.WriteString(s.out, frame(page.String(), height))
	return err
}

// write writes an overview with what could not be seen.
func (s *statusScreen) write(page *bytes.Buffer, seen *overview.Overview, style render.Style, now time.Time) error {
	if len(seen.Profiles) == 0 {
		fmt.Fprintln(page, noProfiles(seen))
	} else if err := s.print(page, seen, style, now); err != nil {
		return err
	}
	for _, note := range slices.Concat(seen.Notes, seen.Unsure()) {
		fmt.Fprintln(page, "Note:", note)
	}
	return nil
}

// frame returns what draws a page over the one before, of no more lines than there are.
func frame(page string, height int) string {
	lines := strings.Split(strings.TrimRight(page, "\n"), "\n")
	if height > 1 && len(lines) > height-1 {
		more := len(lines) - (height - 2)
		lines = append(lines[:height-2], fmt.Sprintf("... %d more lines: make the terminal higher, or name a profile", more))
	}
	return toTop + strings.Join(lines, clearLine+"\n") + clearLine + "\n" + clearBelow
}

func (s *statusScreen) close() {
	fmt.Fprint(s.out, leaveScreen)
	if s.last == nil || len(s.last.Profiles) == 0 {
		return
	}
	_ = s.print(s.out, s.last, styleFor(s.streams.Out), time.Now())
}
