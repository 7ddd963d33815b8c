//go:build !linux

package testbed

import (
	"net/netip"
	"os"

	corev1 "k8s.io/api/core/v1"
)

// Without a sandbox there is nothing to connect.

func enterNamespace(*os.File) error { return errNeedsLinux }

func (h *Host) socket(corev1.Protocol, netip.AddrPort) (*os.File, error) { return nil, errNeedsLinux }

func resent(*os.File) bool { return true }
