package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"firebreak.dev/firebreak/internal/render"
)

// styleFor returns how to decorate what is written: colours and the width of a terminal, neither for a file or a pipe, where
// lines are plain. NO_COLOR turns colours off (https://no-color.org).
func styleFor(out io.Writer) render.Style {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return render.Style{}
	}
	style := render.Style{Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		style.Width = width
	}
	return style
}

// progress shows on a terminal what is being done; elsewhere it shows nothing.
type progress struct {
	out   io.Writer
	shown int
}

func newProgress(out io.Writer) *progress {
	if file, ok := out.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		out = io.Discard
	}
	return &progress{out: out}
}

// reading says how much of what has been read.
func (p *progress) reading(kind string, n int) { p.show(fmt.Sprintf("Reading %s: %d", kind, n)) }

// show replaces what was shown last.
func (p *progress) show(text string) {
	fmt.Fprint(p.out, "\r", text, strings.Repeat(" ", max(0, p.shown-len(text))))
	p.shown = len(text)
}

// end removes what was shown.
func (p *progress) end() {
	if p.shown > 0 {
		fmt.Fprint(p.out, "\r", strings.Repeat(" ", p.shown), "\r")
		p.shown = 0
	}
}
