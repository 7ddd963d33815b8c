//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// windowResized tells when the terminal got another size, until the context ends.
func windowResized(ctx context.Context) <-chan struct{} {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	resized := make(chan struct{}, 1)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				select {
				case resized <- struct{}{}:
				default:
				}
			}
		}
	}()
	return resized
}
