package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Unsupported returns the parts of a valid profile that this version of Firebreak cannot carry out. Such a profile is
// not applied in part: half of what was declared could cut the rest off.
func Unsupported(p snapshot.Profile) field.ErrorList {
	spec := field.NewPath("spec")
	var errs field.ErrorList
	for _, entry := range p.Allow {
		at := spec.Child("allow").Key(entry.Name)
		errs = append(errs, unsupportedPeers(entry.From, at.Child("from"))...)
		errs = append(errs, unsupportedPeers(entry.To, at.Child("to"))...)
	}
	return errs
}

func unsupportedPeers(peers []v1alpha1.Peer, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, p := range peers {
		member := ""
		switch {
		case p.RemoteTier != nil:
			member = "remoteTier"
		case p.Service != nil:
			member = "service"
		case p.KubeAPIServer != nil:
			member = "kubeAPIServer"
		case p.Nodes != nil:
			member = "nodes"
		default:
			continue
		}
		errs = append(errs, field.Forbidden(path.Index(i).Child(member), "this peer is not supported yet"))
	}
	return errs
}
