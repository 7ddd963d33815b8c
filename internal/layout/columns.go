package layout

import "math"

// setColumns gives columns their widths and places, and frames theirs.
func (p *plan) setColumns() {
	p.columnX = make([]extent, len(p.columns))
	x := float64(Margin)
	for c, column := range p.columns {
		width := p.narrowFrames(c)
		for _, i := range column {
			width = max(width, p.items[i].width)
		}
		begins, ends := p.framesAt(c)
		if begins {
			x += FramePadding
		}
		p.columnX[c] = extent{x, x + width}
		x += width + p.bendAfter(c)
		if ends {
			x += FramePadding
		}
	}
	p.groupX = make([]extent, len(p.spans))
	for _, g := range p.groups {
		s := p.spans[g]
		p.groupX[g] = extent{p.columnX[s.first].from - FramePadding, p.columnX[s.last].to + FramePadding}
	}
}

// setTitles asks for the heights of titles. Frames become no narrower after it.
func (p *plan) setTitles() {
	p.titleHeight = make([]float64, len(p.spans))
	for _, g := range p.groups {
		if title := p.graph.Groups[g].TitleHeight; title != nil {
			p.titleHeight[g] = title(p.groupX[g].to - p.groupX[g].from - 2*FramePadding)
		}
	}
}

// bendAfter returns the room after a column.
func (p *plan) bendAfter(column int) float64 {
	if column < len(p.bends) {
		return p.bends[column]
	}
	return leastBend
}

// setBends makes room for arrows that climb far.
func (p *plan) setBends() {
	p.bends = make([]float64, len(p.columns))
	for c, column := range p.columns {
		far := 0.0
		for _, i := range column {
			for _, n := range p.items[i].right {
				from, to := p.items[i], p.items[n]
				far = max(far, math.Abs(from.y+from.line-to.y-to.line))
			}
		}
		p.bends[c] = min(mostBend, max(leastBend, climb*far))
	}
}

// narrowFrames returns the width that frames which have only this column need for themselves.
func (p *plan) narrowFrames(column int) float64 {
	width := 0.0
	for _, g := range p.groups {
		if p.spans[g] == (span{column, column}) {
			width = max(width, p.graph.Groups[g].MinWidth-2*FramePadding)
		}
	}
	return width
}

// framesAt says whether a frame begins at a column, and whether one ends.
func (p *plan) framesAt(column int) (begins, ends bool) {
	for _, s := range p.spans {
		if s.first <= s.last {
			begins, ends = begins || s.first == column, ends || s.last == column
		}
	}
	return begins, ends
}
