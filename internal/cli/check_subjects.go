package cli

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/checkup"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/manifests"
	"firebreak.dev/firebreak/internal/schema"
)

// checkupOf takes apart what was read: the profiles of the files with what the API server would say to each, and all that
// they are judged by.
func (o *checkCommand) checkupOf(ctx context.Context, r *reading) (checkup.Input, error) {
	server, err := schemaServer()
	if err != nil {
		return checkup.Input{}, err
	}
	in := checkup.Input{Policies: map[types.NamespacedName]checkup.Position{}}
	if r.Offline {
		in.Held = map[checkup.Held]bool{}
	}
	for _, object := range r.Objects {
		gvk := object.GroupVersionKind()
		if in.Held != nil {
			in.Held[checkup.Held{Kind: gvk.Kind, Namespace: object.GetNamespace()}] = true
		}
		switch {
		case server.Serves(gvk):
			subject, err := o.subject(ctx, server, r, object)
			if err != nil {
				return in, err
			}
			in.Subjects = append(in.Subjects, subject)
			continue
		case gvk.Group == v1alpha1.GroupVersion.Group:
			r.Problems = append(r.Problems, manifests.Problem{Source: object.Source, Message: fmt.Sprintf("no matches for kind %q in version %q; want %s or %s in version %s",
				gvk.Kind, gvk.GroupVersion(), v1alpha1.KindSegmentationProfile, v1alpha1.KindClusterSegmentationProfile, v1alpha1.GroupVersion)})
		case gvk.Kind == "NetworkPolicy":
			in.Policies[types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}] = o.position(object.Source)
		}
		in.OtherObjects++
	}
	in.Unreadable = o.unreadable(r)
	in.Cluster = r.Cluster()
	in.Files, err = o.files.Paths()
	for i, path := range in.Files {
		in.Files[i] = o.fileOf(path)
	}
	return in, err
}

// subject asks what the API server would say to a profile. One whose name is to be drawn gets one.
func (o *checkCommand) subject(ctx context.Context, server *schema.Server, r *reading, object manifests.Object) (checkup.Subject, error) {
	text, err := object.MarshalJSON()
	if err != nil {
		return checkup.Subject{}, fmt.Errorf("read %s: %w", object.Source, err)
	}
	verdict, err := server.Create(ctx, schema.Request{Kind: object.GroupVersionKind(), Text: text, Format: schema.JSON, Namespace: r.Namespace})
	if err != nil {
		return checkup.Subject{}, err
	}
	key, _ := profileKey(object)
	subject := checkup.Subject{Key: key, Position: o.position(object.Source), Undecodable: verdict.Undecodable, Invalid: verdict.Invalid}
	for _, err := range verdict.Unknown {
		unknown := checkup.Unknown{Message: err.Error()}
		var field *schema.UnknownField
		if errors.As(err, &field) {
			unknown.Field = field.Path
		}
		subject.Unknown = append(subject.Unknown, unknown)
	}
	if verdict.Object == nil {
		return subject, nil
	}
	subject.Key.Name = verdict.Object.GetName()
	known, err := inventory.Decode(verdict.Object)
	if err != nil {
		// The shape is wrong, which Invalid says field by field.
		return subject, nil //nolint:nilerr // see above
	}
	if profile, ok := inventory.ProfileOf(known); ok {
		subject.Profile = &profile
	}
	if key != subject.Key && verdict.Err() == nil {
		r.Inventory.Add(known)
	}
	return subject, nil
}

// unreadable returns the documents that are no objects, and the objects that are none of their kind. Of profiles, the API
// server's words say that already.
func (o *checkCommand) unreadable(r *reading) []checkup.Unreadable {
	var out []checkup.Unreadable
	for _, p := range r.Problems {
		if p.Object == nil || !isServed(p.Object.Unstructured) {
			out = append(out, checkup.Unreadable{File: o.fileOf(p.Source.Path), Line: p.Source.Line, Message: p.Message})
		}
	}
	return out
}

// isServed says whether an object is of one of our kinds, in a version that there is.
func isServed(u *unstructured.Unstructured) bool {
	gvk := u.GroupVersionKind()
	return gvk.GroupVersion() == v1alpha1.GroupVersion && inventory.Matters(gvk)
}

func (o *checkCommand) position(source manifests.Source) checkup.Position {
	return checkup.Position{File: o.fileOf(source.Path), LineOf: source.LineOf}
}

// fileOf returns the file that a path means: for a kustomize directory, its kustomization file.
func (o *checkCommand) fileOf(path string) string {
	if path == o.files.Kustomize {
		return manifests.KustomizationFile(path)
	}
	return path
}
