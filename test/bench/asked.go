package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/procfs"

	"firebreak.dev/firebreak/test/audit"
	"firebreak.dev/firebreak/test/bench/figures"
	"firebreak.dev/firebreak/test/harness"
)

// asked returns what the operator asked for in a span of time, of what is counted.
func (p *place) asked(from, to time.Time, counts func(audit.Request) bool) ([]audit.Request, error) {
	all, err := audit.Requests(p.plane)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(r audit.Request) bool { return r.Time.Before(from) || r.Time.After(to) })
	// What is not there could also be missing from the log. The lease is renewed every two seconds.
	renewals := 0
	for _, r := range all {
		if r.Object.Resource == "leases" && r.Verb == "update" {
			renewals++
		}
	}
	if want := int(to.Sub(from) / (4 * time.Second)); renewals < want {
		return nil, fmt.Errorf("the log of requests is not whole: %d renewals of the lease in %s", renewals, to.Sub(from).Round(time.Second))
	}
	return slices.DeleteFunc(all, func(r audit.Request) bool { return !counts(r) }), nil
}

// ofItsOwn says whether a request is about the lease, about the event that tells who has it, or asks who scrapes the metrics.
func ofItsOwn(r audit.Request) bool {
	switch r.Object.Resource {
	case "leases", "tokenreviews", "subjectaccessreviews":
		return true
	case "events":
		return r.Object.Namespace == harness.ManagerNamespace
	}
	return false
}

// isWrite says whether a request writes what users see.
func isWrite(r audit.Request) bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb) && !ofItsOwn(r)
}

// isRequest says whether a request is one that the operator need not make at rest.
func isRequest(r audit.Request) bool { return r.Verb != "watch" && !ofItsOwn(r) }

// watches returns how many watches were opened among these requests. The log holds each that is over twice.
func watches(asked []audit.Request) int {
	opened := map[string]bool{}
	for _, r := range asked {
		if r.Verb == "watch" {
			opened[r.URI+r.Time.String()] = true
		}
	}
	return len(opened)
}

// told is the number of some requests, with the first of them.
func told(id string, asked []audit.Request, detail string) figures.Figure {
	f := figures.Figure{ID: id, Value: float64(len(asked)), Detail: detail}
	if len(asked) > 0 {
		f.Detail += ", such as " + asked[0].String()
	}
	return f
}

// scrape returns the values of a metric by the last of its labels.
func (p *place) scrape(ctx context.Context, manager *harness.Manager, metric string) (map[string]float64, error) {
	code, body, err := manager.Metrics(ctx, p.scraper)
	if err != nil {
		return nil, err
	}
	if code != http.StatusOK {
		return nil, fmt.Errorf("get the operator's metrics: %s", http.StatusText(code))
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("read the operator's metrics: %w", err)
	}
	out := map[string]float64{}
	for _, m := range families[metric].GetMetric() {
		labels := m.GetLabel()
		out[labels[len(labels)-1].GetValue()] += m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	return out, nil
}

// processor returns how many seconds a program has had a core so far.
func processor(manager *harness.Manager) (float64, error) {
	process, err := procfs.NewProc(manager.PID())
	if err != nil {
		return 0, fmt.Errorf("look at the operator's process: %w", err)
	}
	stat, err := process.Stat()
	return stat.CPUTime(), err
}

// residents returns how many bytes of memory a program has, and how many it had at most.
func residents(manager *harness.Manager) (now, most int, err error) {
	process, err := procfs.NewProc(manager.PID())
	if err != nil {
		return 0, 0, fmt.Errorf("look at the operator's process: %w", err)
	}
	status, err := process.NewStatus()
	return int(status.VmRSS), int(status.VmHWM), err
}
