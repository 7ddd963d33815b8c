// Command kubectl-firebreak is the kubectl plugin of Firebreak: it says what segmentation profiles mean, before and after they
// are applied.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"firebreak.dev/firebreak/internal/cli"
	"firebreak.dev/firebreak/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	code := cli.Run(ctx, os.Args[1:], version.String(), streams)
	stop()
	os.Exit(code)
}
