package plan

import "firebreak.dev/firebreak/internal/networkpolicy"

// DriftKind is what somebody did to a policy, in one word.
type DriftKind string

const (
	// DriftSpec means: they changed what it selects or allows.
	DriftSpec DriftKind = "spec"
	// DriftMetadata means: they changed nothing but labels, annotations or owner of ours.
	DriftMetadata DriftKind = "metadata"
	// DriftDeleted means: they deleted it.
	DriftDeleted DriftKind = "deleted"
)

// DriftKinds lists the kinds of drift there are.
func DriftKinds() []DriftKind { return []DriftKind{DriftSpec, DriftMetadata, DriftDeleted} }

// DriftKind says what kind of drift a change corrects; empty when it corrects none.
func (c Change) DriftKind() DriftKind {
	switch {
	case c.Drift == "":
		return ""
	case c.Live == nil:
		return DriftDeleted
	case c.Desired != nil && networkpolicy.Compare(c.Live.Spec, c.Desired.Spec).Equal:
		return DriftMetadata
	}
	return DriftSpec
}

// Action is what a write does to a policy.
type Action string

// The actions.
const (
	ActionCreate Action = "create"
	ActionUpdate Action = "update"
	ActionDelete Action = "delete"
)

// Actions lists the actions there are.
func Actions() []Action { return []Action{ActionCreate, ActionUpdate, ActionDelete} }

// Action says what a change does.
func (c Change) Action() Action {
	switch {
	case c.Live == nil:
		return ActionCreate
	case c.Desired == nil:
		return ActionDelete
	}
	return ActionUpdate
}
