package controllers

import (
	"slices"
	"sync"

	"firebreak.dev/firebreak/internal/report"
)

// factLists are lists to gather facts about namespaces in, used again and again: of 5,000 namespaces one takes a megabyte, several
// are needed in a second, and a correction that comes while so much garbage is collected takes several times as long.
type factLists struct{ pool sync.Pool }

// take returns an empty list with room for so many namespaces.
func (l *factLists) take(size int) []report.NamespaceFacts {
	list, ok := l.pool.Get().(*[]report.NamespaceFacts)
	if !ok {
		list = new([]report.NamespaceFacts)
	}
	return slices.Grow(*list, size)
}

// giveBack takes a list that nobody uses any more.
func (l *factLists) giveBack(list []report.NamespaceFacts) {
	// What it speaks of may be gone by then.
	clear(list)
	list = list[:0]
	l.pool.Put(&list)
}
