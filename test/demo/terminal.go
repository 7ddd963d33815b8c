package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// textWidth is where sentences and commands are broken, so that the demo fits a terminal of 100 columns.
const textWidth = 96

// The escape sequences of ECMA-48 (SGR) that the demo uses.
const (
	bold   = "\x1b[1m"
	green  = "\x1b[32m"
	cyan   = "\x1b[36m"
	normal = "\x1b[0m"
)

// terminal is what the demo prints to.
type terminal struct {
	out    io.Writer
	colour bool
	steps  int
}

// newTerminal returns a terminal with colour if the file is one that shows it and https://no-color.org is not asked for.
func newTerminal(out *os.File) *terminal {
	info, err := out.Stat()
	isTerminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &terminal{out: out, colour: isTerminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (t *terminal) paint(style, text string) string {
	if !t.colour {
		return text
	}
	return style + text + normal
}

// heading begins a step.
func (t *terminal) heading(title string) {
	t.steps++
	title = fmt.Sprintf("%d. %s", t.steps, title)
	fmt.Fprintf(t.out, "\n%s\n%s\n", t.paint(bold, title), t.paint(bold, strings.Repeat("-", len(title))))
}

// say prints sentences.
func (t *terminal) say(format string, args ...any) {
	fmt.Fprintf(t.out, "\n%s\n", wrap(fmt.Sprintf(format, args...), " ", "\n"))
}

// command prints what a user would type.
func (t *terminal) command(words ...string) {
	t.commandLine(shellLine(words))
}

// commandLine prints a command that is written for a shell already.
func (t *terminal) commandLine(line string) {
	fmt.Fprintf(t.out, "\n%s\n", t.paint(cyan, "$ "+line))
}

// output prints what a command printed, unchanged.
func (t *terminal) output(text string) {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	fmt.Fprint(t.out, text)
}

// proved prints something that the demo has just checked.
func (t *terminal) proved(format string, args ...any) {
	fmt.Fprintf(t.out, "\n%s\n", t.paint(green, wrap("=> "+fmt.Sprintf(format, args...), " ", "\n   ")))
}

// timed prints what goes on, runs it, and says how long it took.
func (t *terminal) timed(what string, run func() error) error {
	started := time.Now()
	fmt.Fprintf(t.out, "%s ...", what)
	if err := run(); err != nil {
		fmt.Fprintln(t.out, " failed")
		return err
	}
	fmt.Fprintf(t.out, " %.1f s\n", time.Since(started).Seconds())
	return nil
}

// wrap breaks text at separators so that lines are no longer than textWidth where that is possible.
func wrap(text, separator, lineBreak string) string {
	var out strings.Builder
	column := 0
	for i, word := range strings.Split(text, separator) {
		switch {
		case i == 0:
		case column+len(separator)+len(word) > textWidth:
			out.WriteString(lineBreak)
			column = 0
		default:
			out.WriteString(separator)
			column += len(separator)
		}
		out.WriteString(word)
		column += len(word)
	}
	return out.String()
}

// shellLine is a command as one types it into a shell: quoted where that is needed, and broken between arguments, but
// not between a flag and its value.
func shellLine(words []string) string {
	var units []string
	for i, word := range words {
		quoted := shellWord(word)
		if i > 0 && strings.HasPrefix(words[i-1], "-") && !strings.Contains(words[i-1], "=") && !strings.HasPrefix(word, "-") {
			units[len(units)-1] += " " + quoted
			continue
		}
		units = append(units, quoted)
	}
	const separator = "\x00"
	line := wrap(strings.Join(units, separator), separator, " \\\n    ")
	return strings.ReplaceAll(line, separator, " ")
}

// shellWord quotes a word for a shell; of name=value, the value alone.
func shellWord(word string) string {
	const special = " \t\n\"'`$&|;<>()[]{}*?!\\#~"
	if !strings.ContainsAny(word, special) {
		return word
	}
	name, value, found := strings.Cut(word, "=")
	if found && !strings.ContainsAny(name, special) {
		return name + "=" + shellWord(value)
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
