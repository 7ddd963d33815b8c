package flowlog

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// The columns of a table.
const (
	columnSource      = "source"
	columnDestination = "destination"
	columnPort        = "port"
	columnProtocol    = "protocol"
	columnVerdict     = "verdict"
	columnCount       = "count"
)

// columns are those that a table may have, those that it must have first.
func columns() (needed, others []string) {
	return []string{columnSource, columnDestination, columnPort}, []string{columnProtocol, columnVerdict, columnCount}
}

// readCSV reads a table whose first line names its columns, in any order, with commas, semicolons or tabs between them. Lines that begin
// with # are comments.
func readCSV(text []byte) (*Log, error) {
	in := csv.NewReader(bytes.NewReader(text))
	in.Comment, in.Comma = comment, separator(text)
	// A tab is space, too: it would take empty columns along.
	in.TrimLeadingSpace = in.Comma != '\t'
	headings, err := in.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("line 1: there is no line with the names of the columns")
	}
	if err != nil {
		return nil, fmt.Errorf("read the names of the columns: %w", err)
	}
	at, err := columnsOf(headings)
	if err != nil {
		return nil, err
	}
	log := &Log{}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return log, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the table: %w", err)
		}
		line, _ := in.FieldPos(0)
		flow, err := rowFlow(func(column string) string {
			if i, has := at[column]; has {
				return strings.TrimSpace(row[i])
			}
			return ""
		})
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		log.Flows = append(log.Flows, flow)
	}
}

// comment begins a line that is for people.
const comment = '#'

// separator returns what is between the columns: commas, or the semicolons or tabs of a program that keeps commas for numbers. No name of
// a column has any of them, so the line that names them tells.
func separator(text []byte) rune {
	for line := range bytes.Lines(text) {
		if len(bytes.TrimSpace(line)) == 0 || line[0] == comment {
			continue
		}
		if i := bytes.IndexAny(line, ";\t"); i >= 0 {
			return rune(line[i])
		}
		break
	}
	return ','
}

// columnsOf returns where each column is. One that is not known is an error: it could be a verdict that is written otherwise, and
// what was dropped would be taken for allowed.
func columnsOf(headings []string) (map[string]int, error) {
	needed, others := columns()
	want := fmt.Sprintf("want %s and, if you like, %s", strings.Join(needed, ", "), strings.Join(others, ", "))
	at := map[string]int{}
	for i, heading := range headings {
		name := strings.ToLower(strings.TrimSpace(heading))
		if _, twice := at[name]; twice {
			return nil, fmt.Errorf("line 1: column %q is there twice", name)
		}
		if !slices.Contains(needed, name) && !slices.Contains(others, name) {
			return nil, fmt.Errorf("line 1: column %q is not known; %s", strings.TrimSpace(heading), want)
		}
		at[name] = i
	}
	for _, name := range needed {
		if _, has := at[name]; !has {
			return nil, fmt.Errorf("line 1: there is no column %q; %s", name, want)
		}
	}
	return at, nil
}

func rowFlow(cell func(string) string) (Flow, error) {
	f := Flow{Times: 1}
	var err error
	if f.Source, err = end(cell(columnSource)); err != nil {
		return f, fmt.Errorf("%s: %w", columnSource, err)
	}
	if f.Destination, err = end(cell(columnDestination)); err != nil {
		return f, fmt.Errorf("%s: %w", columnDestination, err)
	}
	if f.Protocol, err = protocol(cell(columnProtocol)); err != nil {
		return f, err
	}
	if f.Outcome, err = outcome(cell(columnVerdict)); err != nil {
		return f, err
	}
	port, err := strconv.ParseInt(cell(columnPort), 10, 32)
	if err != nil {
		return f, fmt.Errorf("port %q is no number", cell(columnPort))
	}
	if err := checkPort(port); err != nil {
		return f, err
	}
	f.Port = int32(port)
	if text := cell(columnCount); text != "" {
		count, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return f, fmt.Errorf("count %q is no number", text)
		}
		if err := checkCount(count); err != nil {
			return f, err
		}
		f.Times = int(count)
	}
	return f, nil
}
