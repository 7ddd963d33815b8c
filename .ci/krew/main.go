// Command krew packs the kubectl plugin for krew, the plugin manager of kubectl: an archive for each platform that it was built
// for, their checksums, and the manifest that names them. The same binaries make the same bytes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
)

// release is what is to be packed.
type release struct {
	// Version has a leading v, as krew wants it.
	Version string
	// Homepage and Downloads are URLs; the archives are to be had below Downloads.
	Homepage, Downloads string
	// Platforms are sorted by OS and architecture.
	Platforms []platform

	// binaries has a directory OS_ARCH for each platform; license and completion are files; template is the manifest's.
	binaries, license, completion, template string
	// out is the directory to write to.
	out string
}

// platform is a platform that the plugin was built for.
type platform struct {
	// OS and Arch are as Go and krew name them.
	OS, Arch string
	// Binary is the name of the program, and Archive that of the file which holds it.
	Binary, Archive string
	// SHA256 is the checksum of the archive, in hexadecimal.
	SHA256 string
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	var r release
	flags := flag.NewFlagSet("krew", flag.ContinueOnError)
	flags.StringVar(&r.Version, "version", "", "version, as v0.1.0")
	flags.StringVar(&r.Homepage, "homepage", "", "URL of the project")
	flags.StringVar(&r.Downloads, "downloads", "", "URL below which the archives can be had")
	flags.StringVar(&r.binaries, "binaries", "", "directory with a directory OS_ARCH for each platform")
	flags.StringVar(&r.license, "license", "", "license file")
	flags.StringVar(&r.completion, "completion", "", "script that kubectl calls for completion")
	flags.StringVar(&r.template, "template", "", "template of the manifest")
	flags.StringVar(&r.out, "out", "", "directory to write to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(r.Version) {
		return fmt.Errorf("version %q is none that krew takes; want one like v0.1.0: make plugin-archives VERSION=v0.1.0", r.Version)
	}
	if err := r.pack(); err != nil {
		return err
	}
	for _, p := range r.Platforms {
		fmt.Fprintln(out, p.SHA256, p.Archive)
	}
	return nil
}
