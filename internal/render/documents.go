package render

import (
	"encoding/json"
	"fmt"
	"io"

	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// JSON writes a value as indented JSON.
func JSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// YAML writes a value as one YAML document.
func YAML(out io.Writer, value any) error {
	text, err := yaml.Marshal(value)
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	if _, err := out.Write(text); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	return nil
}

// Finding words a finding of a profile in one line.
func Finding(profile snapshot.ProfileKey, f v1alpha1.Finding, style Style) string {
	place := profile.String()
	if f.Namespace != "" && f.Namespace != profile.Namespace {
		place += " in " + f.Namespace
	}
	if f.Place != "" {
		place += ", " + f.Place
	}
	return fmt.Sprintf("%s: %s: %s: %s", Severity(f.Severity, style), f.Code, place, f.Message)
}

// Severity words a severity in its colour.
func Severity(s v1alpha1.Severity, style Style) string {
	switch s {
	case v1alpha1.SeverityError:
		return style.Red(string(s))
	case v1alpha1.SeverityWarning:
		return style.Yellow(string(s))
	default:
		return style.Cyan(string(s))
	}
}
