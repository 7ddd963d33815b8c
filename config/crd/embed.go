// Package crd carries Firebreak's CustomResourceDefinitions inside the programs that need them without a cluster.
package crd

import "embed"

// Bases are the generated definitions, one YAML document a file, in the folder "bases".
//
//go:embed bases/*.yaml
var Bases embed.FS
