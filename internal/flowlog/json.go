package flowlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// readJSON reads records one after the other, or as a list.
func readJSON(text []byte) (*Log, error) {
	log := &Log{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	isList := bytes.TrimLeft(text, " \t\r\n")[0] == '['
	if isList {
		if _, err := decoder.Token(); err != nil {
			return nil, fmt.Errorf("line 1: %w", err)
		}
	}
	for !isList || decoder.More() {
		line := lineOfNext(text, decoder.InputOffset())
		var record json.RawMessage
		err := decoder.Decode(&record)
		if errors.Is(err, io.EOF) && !isList {
			return log, nil
		}
		if err == nil {
			err = log.add(record)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	if err := endOfList(text, decoder); err != nil {
		return nil, err
	}
	return log, nil
}

// endOfList returns an error when a list does not end, or something follows it.
func endOfList(text []byte, decoder *json.Decoder) error {
	line := lineOfNext(text, decoder.InputOffset())
	if _, err := decoder.Token(); err != nil {
		return fmt.Errorf("line %d: the list does not end: %w", line, err)
	}
	line = lineOfNext(text, decoder.InputOffset())
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: something follows the list", line)
	}
	return nil
}

// lineOfNext returns the line on which the next record begins, from where the last one ended.
func lineOfNext(text []byte, from int64) int {
	rest := bytes.TrimLeft(text[from:], " \t\r\n,")
	return 1 + bytes.Count(text[:len(text)-len(rest)], []byte("\n"))
}

// add adds a record: one of Hubble's, in its envelope or without, or one of ours.
func (l *Log) add(record json.RawMessage) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(record, &keys); err != nil {
		return fmt.Errorf("want an object: %w", err)
	}
	if inside, has := keys["flow"]; has {
		return l.addHubble(inside)
	}
	if _, has := keys["IP"]; has {
		return l.addHubble(record)
	}
	for _, event := range otherEvents() {
		if _, has := keys[event]; has {
			l.skip(NoConnection)
			return nil
		}
	}
	return l.addPlain(record)
}

// otherEvents are what Hubble exports besides flows (GetFlowsResponse and ExportEvent of Cilium's observer.proto).
func otherEvents() []string {
	return []string{"lost_events", "node_status", "agent_event", "debug_event"}
}

// plain is a record of ours, with the fields of a table.
type plain struct {
	Source      *string `json:"source"`
	Destination *string `json:"destination"`
	Port        int64   `json:"port"`
	Protocol    string  `json:"protocol"`
	Verdict     string  `json:"verdict"`
	Count       *int64  `json:"count"`
}

func (l *Log) addPlain(record json.RawMessage) error {
	var p plain
	decoder := json.NewDecoder(bytes.NewReader(record))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return err
	}
	if p.Source == nil || p.Destination == nil {
		return errors.New("want a source and a destination")
	}
	f := Flow{Times: 1}
	var err error
	if f.Source, err = end(*p.Source); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	if f.Destination, err = end(*p.Destination); err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	if f.Protocol, err = protocol(p.Protocol); err != nil {
		return err
	}
	if f.Outcome, err = outcome(p.Verdict); err != nil {
		return err
	}
	if err := checkPort(p.Port); err != nil {
		return err
	}
	f.Port = int32(p.Port) //nolint:gosec // it was checked
	if p.Count != nil {
		if err := checkCount(*p.Count); err != nil {
			return err
		}
		f.Times = int(*p.Count)
	}
	l.Flows = append(l.Flows, f)
	return nil
}
