package layout

// setColumns gives columns their widths and places, and frames theirs.
func (p *plan) setColumns() {
	p.columnX = make([]extent, len(p.columns))
	x := float64(Margin)
	for c, column := range p.columns {
		width := 0.0
		for _, i := range column {
			width = max(width, p.items[i].width)
		}
		width = max(width, p.narrowFrames(c))
		begins, ends := p.framesAt(c)
		if begins {
			x += FramePadding
		}
		if c%2 == 1 {
			x += bend
		}
		p.columnX[c] = extent{x, x + width}
		x += width
		if c%2 == 1 {
			x += bend
		}
		if ends {
			x += FramePadding
		}
	}
	p.groupX = make([]extent, len(p.spans))
	p.titleHeight = make([]float64, len(p.spans))
	for _, g := range p.groups {
		s := p.spans[g]
		e := extent{p.columnX[s.first].from - FramePadding, p.columnX[s.last].to + FramePadding}
		if title := p.graph.Groups[g].TitleHeight; title != nil {
			p.titleHeight[g] = title(e.to - e.from - 2*FramePadding)
		}
		p.groupX[g] = e
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
