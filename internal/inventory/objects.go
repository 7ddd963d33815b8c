package inventory

// Objects returns all objects, those of the topmost layer that has them, sorted by kind, namespace and name.
func (inv *Inventory) Objects() []Object {
	keys := inv.keys()
	out := make([]Object, 0, len(keys))
	for _, key := range keys {
		out = append(out, inv.get(key))
	}
	return out
}
