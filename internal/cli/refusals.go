package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/manifests"
	"firebreak.dev/firebreak/internal/schema"
	"firebreak.dev/firebreak/internal/validation"
)

// errRefused says that files have what a cluster would not take.
type errRefused struct{ problems []error }

// Error implements error.
func (e errRefused) Error() string { return errors.Join(e.problems...).Error() }

// errUntold says that a question has no answer, because files have what a cluster would not take.
type errUntold struct{ refused errRefused }

// Error implements error.
func (e errUntold) Error() string { return e.refused.Error() }

// schemaServer is kept for as long as the program runs: preparing it takes longer than all else that is done with files.
//
//nolint:gochecknoglobals // it never changes
var schemaServer = sync.OnceValues(schema.New)

// refusals returns why profiles of the files would be refused: in the words of the API server, or, where it would take them,
// in those of the operator. Nil when none would be.
func (r *reading) refusals(ctx context.Context) error {
	var problems []error
	unreadable := map[manifests.Source]error{}
	for _, p := range r.Problems {
		if p.Object != nil && isServed(p.Object.Unstructured) {
			unreadable[p.Object.Source] = p
			continue
		}
		problems = append(problems, p)
	}
	server, err := schemaServer()
	if err != nil {
		return err
	}
	for _, o := range r.Objects {
		if server.Serves(o.GroupVersionKind()) {
			found := refusal(ctx, server, o)
			if p := unreadable[o.Source]; p != nil && len(found) == 0 {
				// The API server's words, where it has any, say more.
				found = append(found, p)
			}
			problems = append(problems, found...)
		}
	}
	if len(problems) > 0 {
		return errRefused{problems}
	}
	return nil
}

// refusal returns why one profile would be refused.
func refusal(ctx context.Context, server *schema.Server, o manifests.Object) []error {
	text, err := json.Marshal(o.Object)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", o.Source, err)}
	}
	verdict, err := server.Create(ctx, schema.Request{Kind: o.GroupVersionKind(), Text: text, Format: schema.JSON, Namespace: o.GetNamespace()})
	if err != nil {
		return []error{fmt.Errorf("%s: %w", o.Source, err)}
	}
	if len(verdict.Unknown) > 0 {
		// They were reported when the object was read.
		return nil
	}
	if err := verdict.Err(); err != nil {
		return []error{fmt.Errorf("%s: %w", at(o, verdict.Invalid), err)}
	}
	object, err := inventory.Decode(o.Unstructured)
	if err != nil {
		// That was reported when it was read.
		return nil
	}
	profile, ok := inventory.ProfileOf(object)
	if !ok {
		return nil
	}
	var out []error
	for _, err := range validation.Validate(profile) {
		out = append(out, fmt.Errorf("%s: %s: %w", o.Source, profile.Key, err))
	}
	return out
}

// at returns the line of the first error.
func at(o manifests.Object, list field.ErrorList) manifests.Source {
	if len(list) == 0 {
		return o.Source
	}
	return o.Source.At(list[0].Field)
}
