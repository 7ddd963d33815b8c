// Package render words and draws what the plugin has to say, for people and for machines: tables, text, pictures, documents.
// It decides nothing.
package render

import "github.com/fatih/color"

// Style says how text is decorated. The zero value decorates nothing.
type Style struct {
	// Color is for terminals.
	Color bool
	// Width is how many columns there are; 0 when that does not matter.
	Width int
}

// Bold returns the text in bold.
func (s Style) Bold(text string) string { return s.paint(text, color.Bold) }

// Faint returns the text in faint.
func (s Style) Faint(text string) string { return s.paint(text, color.Faint) }

// Red returns the text in red.
func (s Style) Red(text string) string { return s.paint(text, color.FgRed) }

// Green returns the text in green.
func (s Style) Green(text string) string { return s.paint(text, color.FgGreen) }

// Yellow returns the text in yellow.
func (s Style) Yellow(text string) string { return s.paint(text, color.FgYellow) }

// Cyan returns the text in cyan.
func (s Style) Cyan(text string) string { return s.paint(text, color.FgCyan) }

func (s Style) paint(text string, attribute color.Attribute) string {
	if !s.Color || text == "" {
		return text
	}
	c := color.New(attribute)
	c.EnableColor()
	return c.Sprint(text)
}
