package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// platforms are those that the Makefile builds for.
func platforms(t *testing.T) []string {
	t.Helper()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(makefile), "\nPLUGIN_PLATFORMS = ")
	list, _, found := strings.Cut(list, "\n")
	if !found {
		t.Fatal("the Makefile names no PLUGIN_PLATFORMS")
	}
	return strings.Fields(list)
}

// packed returns the directory of a release of a plugin that says what it was called with, for all platforms.
func packed(t *testing.T) string {
	t.Helper()
	binaries, out := t.TempDir(), t.TempDir()
	for _, platform := range platforms(t) {
		name := program
		if strings.HasPrefix(platform, "windows_") {
			name += ".exe"
		}
		if err := os.Mkdir(filepath.Join(binaries, platform), 0o755); err != nil {
			t.Fatal(err)
		}
		// The binary is not marked as executable: what is in the archive must be.
		if err := os.WriteFile(filepath.Join(binaries, platform, name), []byte("#!/bin/sh\necho "+platform+` "$@"`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := run([]string{
		"-version=v0.1.0", "-homepage=https://example.com", "-downloads=https://example.com/v0.1.0", "-binaries=" + binaries, "-out=" + out,
		"-license=../../LICENSE", "-completion=../../config/krew/kubectl_complete-firebreak", "-template=../../config/krew/firebreak.yaml.tmpl",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// command runs a program and returns what it printed.
func command(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	output, err := cmd.CombinedOutput()
	return string(output), err
}

func TestKrewAcceptsTheManifest(t *testing.T) {
	manifest := filepath.Join(packed(t), "firebreak.yaml")
	if output, err := command(t, nil, "go", "tool", "validate-krew-manifest", "-skip-install", "-manifest", manifest); err != nil {
		t.Errorf("%v:\n%s", err, output)
	}
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	_, short, _ := strings.Cut(string(text), "shortDescription: ")
	if short, _, _ = strings.Cut(short, "\n"); len(short) >= 50 {
		t.Errorf("the short description has %d characters; the index of krew asks for less than 50", len(short))
	}
}

func TestKrewInstallsThePluginOnEveryPlatform(t *testing.T) {
	release := packed(t)
	for _, platform := range platforms(t) {
		root := t.TempDir()
		system, arch, _ := strings.Cut(platform, "_")
		archive := filepath.Join(release, program+"_v0.1.0_"+platform+".tar.gz")
		if system == "windows" {
			archive = strings.TrimSuffix(archive, ".tar.gz") + ".zip"
		}
		output, err := command(t, []string{"KREW_ROOT=" + root, "KREW_OS=" + system, "KREW_ARCH=" + arch, "KREW_NO_UPGRADE_CHECK=1"},
			"go", "tool", "krew", "install", "--manifest", filepath.Join(release, "firebreak.yaml"), "--archive", archive)
		if err != nil {
			t.Errorf("%s: %v:\n%s", platform, err, output)
			continue
		}
		if system == "windows" {
			continue
		}
		if got, err := command(t, nil, filepath.Join(root, "bin", program), "version"); err != nil || got != platform+" version\n" {
			t.Errorf("%s: the installed plugin answers %q, %v", platform, got, err)
		}
		// As the caveats say.
		script := filepath.Join(root, "store", "firebreak", "v0.1.0", "kubectl_complete-firebreak")
		path := "PATH=" + filepath.Join(root, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
		if got, err := command(t, []string{path}, script, "ren"); err != nil || got != platform+" __complete ren\n" {
			t.Errorf("%s: kubectl's completion is told %q, %v", platform, got, err)
		}
	}
}

func TestTheSameBinariesMakeTheSameBytes(t *testing.T) {
	one, other := packed(t), packed(t)
	files, err := os.ReadDir(one)
	if err != nil {
		t.Fatal(err)
	}
	// The archives, their sums, and the manifest.
	if want := len(platforms(t)) + 2; len(files) != want {
		t.Errorf("%d files, want %d", len(files), want)
	}
	for _, f := range files {
		first, err := os.ReadFile(filepath.Join(one, f.Name()))
		second, errSecond := os.ReadFile(filepath.Join(other, f.Name()))
		if err := errors.Join(err, errSecond); err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s differs between two runs (%v)", f.Name(), err)
		}
	}
}

func TestNobodyIsNamedInAnArchive(t *testing.T) {
	archive, err := os.Open(filepath.Join(packed(t), program+"_v0.1.0_linux_amd64.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	uncompressed, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	if !uncompressed.ModTime.IsZero() || uncompressed.Name != "" {
		t.Errorf("the compressor left %+v", uncompressed.Header)
	}
	var names []string
	for reader := tar.NewReader(uncompressed); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		if header.Uid != 0 || header.Gid != 0 || header.Uname != "" || header.Gname != "" || !header.ModTime.Equal(changed()) {
			t.Errorf("%s: %+v", header.Name, header)
		}
	}
	if want := []string{"LICENSE", program, "kubectl_complete-firebreak"}; !slices.Equal(names, want) {
		t.Errorf("the archive has %v, want %v", names, want)
	}
}

func TestTheSumsAreThoseOfTheArchives(t *testing.T) {
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("no sha256sum on this machine")
	}
	cmd := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
	cmd.Dir = packed(t)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, output)
	}
}

func TestAVersionThatKrewWouldRefuseIsRefused(t *testing.T) {
	for _, version := range []string{"", "0.1.0", "v0.1", "abc123-dirty"} {
		if err := run([]string{"-version=" + version}, io.Discard); err == nil || !strings.Contains(err.Error(), "VERSION=v0.1.0") {
			t.Errorf("%q: %v", version, err)
		}
	}
}
