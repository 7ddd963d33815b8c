package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/go-logr/logr"
)

// newLogger returns a structured logger. Verbosity n shows messages up to logr's V(n).
func newLogger(format string, verbosity int, out io.Writer) (logr.Logger, error) {
	level := &slog.HandlerOptions{Level: slog.Level(-verbosity)}
	switch format {
	case "json":
		return logr.FromSlogHandler(slog.NewJSONHandler(out, level)), nil
	case "text":
		return logr.FromSlogHandler(slog.NewTextHandler(out, level)), nil
	}
	return logr.Logger{}, fmt.Errorf("--log-format is %q; want json or text", format)
}
