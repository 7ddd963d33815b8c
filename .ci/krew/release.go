package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// program is the name of the plugin's program, as kubectl looks for it.
const program = "kubectl-firebreak"

// pack writes the archives, their checksums as SHA256SUMS, and the manifest as firebreak.yaml.
func (r *release) pack() error {
	// In the order of names, so that files come out in the same order each time.
	directories, err := os.ReadDir(r.binaries)
	if err != nil {
		return fmt.Errorf("find the platforms: %w", err)
	}
	var sums strings.Builder
	for _, directory := range directories {
		p, err := r.packPlatform(directory.Name())
		if err != nil {
			return fmt.Errorf("pack %s: %w", directory.Name(), err)
		}
		r.Platforms = append(r.Platforms, p)
		fmt.Fprintf(&sums, "%s  %s\n", p.SHA256, p.Archive)
	}
	if len(r.Platforms) == 0 {
		return fmt.Errorf("no platform in %s", r.binaries)
	}
	if err := r.write("SHA256SUMS", []byte(sums.String())); err != nil {
		return err
	}
	return r.writeManifest()
}

// packPlatform writes the archive of a platform, named OS_ARCH.
func (r *release) packPlatform(name string) (platform, error) {
	p := platform{Binary: program}
	var ok bool
	if p.OS, p.Arch, ok = strings.Cut(name, "_"); !ok {
		return p, fmt.Errorf("%s is not named OS_ARCH", name)
	}
	pack, extension := tarGz, ".tar.gz"
	if p.OS == "windows" {
		p.Binary += ".exe"
		pack, extension = zipped, ".zip"
	}
	p.Archive = fmt.Sprintf("%s_%s_%s%s", program, r.Version, name, extension)
	files, err := r.files(name, p)
	if err != nil {
		return p, err
	}
	archive, err := pack(files)
	if err != nil {
		return p, err
	}
	sum := sha256.Sum256(archive)
	p.SHA256 = hex.EncodeToString(sum[:])
	return p, r.write(p.Archive, archive)
}

// files returns what goes into the archive of a platform.
func (r *release) files(directory string, p platform) ([]file, error) {
	files := []file{
		{name: "LICENSE", mode: 0o644, path: r.license},
		{name: p.Binary, mode: 0o755, path: filepath.Join(r.binaries, directory, p.Binary)},
	}
	// kubectl starts what it finds under exactly this name, which on Windows no script has.
	if p.OS != "windows" {
		files = append(files, file{name: filepath.Base(r.completion), mode: 0o755, path: r.completion})
	}
	for i := range files {
		content, err := os.ReadFile(files[i].path)
		if err != nil {
			return nil, fmt.Errorf("read what is to be packed: %w", err)
		}
		files[i].content = content
	}
	return files, nil
}

func (r *release) writeManifest() error {
	parsed, err := template.New(filepath.Base(r.template)).Option("missingkey=error").ParseFiles(r.template)
	if err != nil {
		return fmt.Errorf("read the manifest's template: %w", err)
	}
	var manifest bytes.Buffer
	if err := parsed.Execute(&manifest, r); err != nil {
		return fmt.Errorf("fill the manifest: %w", err)
	}
	return r.write(strings.TrimSuffix(filepath.Base(r.template), ".tmpl"), manifest.Bytes())
}

func (r *release) write(name string, content []byte) error {
	//nolint:gosec // what is released is for everybody to read
	if err := os.WriteFile(filepath.Join(r.out, name), content, 0o644); err != nil {
		return fmt.Errorf("write a file of the release: %w", err)
	}
	return nil
}
