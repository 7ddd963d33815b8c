package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// choice is a flag that takes one of several words.
type choice struct {
	value   *string
	choices []string
}

// String implements pflag.Value.
func (c *choice) String() string { return *c.value }

// Type implements pflag.Value.
func (c *choice) Type() string { return strings.Join(c.choices, "|") }

// Set implements pflag.Value.
func (c *choice) Set(text string) error {
	if !slices.Contains(c.choices, text) {
		return fmt.Errorf("want one of %s", strings.Join(c.choices, ", "))
	}
	*c.value = text
	return nil
}

// addOutput adds -o, of which the first format is the default.
func addOutput(cmd *cobra.Command, value *string, formats ...string) {
	addChoice(cmd, value, "output", "o", "`format` of the output", formats...)
}

// addChoice adds a flag that takes one of several words, of which the first is the default.
func addChoice(cmd *cobra.Command, value *string, name, shorthand, usage string, choices ...string) {
	*value = choices[0]
	cmd.Flags().VarP(&choice{value, choices}, name, shorthand, usage+": "+strings.Join(choices, ", "))
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
}
