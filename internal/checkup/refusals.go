package checkup

import (
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/validation"
)

// refusal is a reason why a profile would be refused.
type refusal struct {
	Unknown
	code v1alpha1.FindingCode
}

// refusals returns why a profile would be refused: first what the API server says, then what the operator finds wrong
// besides.
func (s *Subject) refusals() []refusal {
	if s.Undecodable != nil {
		return []refusal{{Unknown{"", s.Undecodable.Error()}, CodeInvalid}}
	}
	var out []refusal
	for _, u := range s.Unknown {
		out = append(out, refusal{u, CodeUnknownField})
	}
	said, whole := s.invalid()
	operator := s.operatorSays()
	for _, u := range said {
		u.Field = s.narrowed(u, operator)
		out = append(out, refusal{u, CodeInvalid})
	}
	if len(said) > 0 && whole {
		// All rules of the API server were checked, and the operator's are the same.
		return out
	}
	for _, u := range operator {
		if !slices.ContainsFunc(said, func(other Unknown) bool { return sameField(other.Field, u.Field) }) {
			out = append(out, refusal{u, CodeInvalid})
		}
	}
	return out
}

// operatorSays returns what the operator would find wrong.
func (s *Subject) operatorSays() []Unknown {
	if s.Profile == nil {
		return nil
	}
	var out []Unknown
	for _, err := range validation.Validate(*s.Profile) {
		path := indexed(s.Profile.Allow, err.Field)
		out = append(out, Unknown{path, path + ": " + err.ErrorBody()})
	}
	return out
}

// namedEntry is how the rules of the API server name an entry, and a field of it, when they speak of the whole list.
var namedEntry = regexp.MustCompile(`allow entry "([^"]+)": (?:(from|to|ports) )?`)

// narrowed returns the field that the API server means: its rules often stand at a list, and name the entry in words. The
// operator's are more exact.
func (s *Subject) narrowed(u Unknown, operator []Unknown) string {
	path := u.Field
	if found := namedEntry.FindStringSubmatch(u.Message); found != nil && path == "spec.allow" && s.Profile != nil {
		path = indexed(s.Profile.Allow, strings.TrimSuffix("spec.allow["+found[1]+"]."+found[2], "."))
	}
	var below []string
	for _, o := range operator {
		if len(o.Field) >= len(path) && sameField(path, o.Field) {
			below = append(below, o.Field)
		}
	}
	if len(below) == 1 {
		return below[0]
	}
	return path
}

// invalid returns what the API server finds wrong. Whole is false when it says that it left rules out, which is not among it:
// it does so where the shape of an object is wrong.
func (s *Subject) invalid() (said []Unknown, whole bool) {
	whole = true
	for _, err := range s.Invalid {
		switch path := fieldOf(err); {
		case path == "" && strings.HasPrefix(err.Detail, "some validation rules were not checked"):
			whole = false
		case err.Field == path:
			said = append(said, Unknown{path, err.Error()})
		default:
			// A rule of the whole object, which has no path to print.
			said = append(said, Unknown{path, err.ErrorBody()})
		}
	}
	return said, whole
}

// atMetadata is how the rules of a whole object name a field of metadata: rules cannot be given to metadata itself.
var atMetadata = regexp.MustCompile(`^metadata\.\w+`)

// fieldOf returns the path of the field that the API server means; empty for the whole object.
func fieldOf(err *field.Error) string {
	if err.Field == "" || err.Field == "<nil>" {
		return atMetadata.FindString(err.Detail)
	}
	return err.Field
}

// sameField says whether one path is the other or leads to it.
func sameField(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	rest, within := strings.CutPrefix(b, a)
	return within && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
