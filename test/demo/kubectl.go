package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// kubectl prints a command, runs it, prints what it answers, and returns that. Relative paths are those of the
// repository.
func (d *demo) kubectl(ctx context.Context, args ...string) (string, error) {
	d.command(append([]string{"kubectl"}, args...)...)
	stdout, stderr, err := d.plane.Kubectl(ctx, args...)
	d.output(stdout)
	if err != nil {
		return "", err
	}
	d.output(stderr)
	return stdout, nil
}

// apply is kubectl apply of a manifest, shown as a here document.
func (d *demo) apply(ctx context.Context, manifest string) error {
	d.commandLine("kubectl apply -f - <<EOF\n" + strings.TrimSpace(manifest) + "\nEOF")
	stdout, _, err := d.plane.KubectlStdin(ctx, strings.NewReader(manifest), "apply", "-f", "-")
	d.output(stdout)
	return err
}

// kubectlRefused is kubectl of something that must be refused with a message that holds all the parts.
func (d *demo) kubectlRefused(ctx context.Context, parts []string, args ...string) error {
	d.command(append([]string{"kubectl"}, args...)...)
	stdout, stderr, err := d.plane.Kubectl(ctx, args...)
	d.output(stdout)
	d.output(stderr)
	if err == nil {
		return errors.New("this should have been refused and was not")
	}
	for _, part := range parts {
		if !strings.Contains(stderr, part) {
			return fmt.Errorf("the refusal does not say %q", part)
		}
	}
	return nil
}

// expect fails unless an output holds all the parts.
func expect(output string, parts ...string) error {
	for _, part := range parts {
		if !strings.Contains(output, part) {
			return fmt.Errorf("the output lacks %q", part)
		}
	}
	return nil
}
