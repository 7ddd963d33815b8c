package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"firebreak.dev/firebreak/test/audit"
	"firebreak.dev/firebreak/test/bench/figures"
	"firebreak.dev/firebreak/test/harness"
)

const (
	// settles is how long the operator is left alone before it is looked at.
	settles = 75 * time.Second
	// scraped is how often its metrics are asked for.
	scraped = 15 * time.Second
)

// watched is what the operator did in a span of time.
type watched struct {
	from, to time.Time
	// started is when the operator was.
	started time.Time
	// processor is how much of a core it had, in percent.
	processor float64
}

// whileLeft lets an operator run where a profile is rolled out and, when it has come to rest, something else for some time.
func (r *rollOut) whileLeft(ctx context.Context, lasts time.Duration, meanwhile func(context.Context) error) (w watched, err error) {
	w.started = time.Now()
	manager, err := r.startOperatorLeft(ctx, len(r.namespaces))
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()
	before, err := processor(manager)
	if err != nil {
		return w, err
	}
	w.from = time.Now()
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	scrapes := make(chan error, 1)
	go func() { scrapes <- r.scrapeOften(ctx, manager) }()
	err = r.shown.while(parent, manager, func(context.Context) error { return meanwhile(ctx) })
	<-ctx.Done()
	w.to = time.Now()
	after, statErr := processor(manager)
	w.processor = 100 * (after - before) / w.to.Sub(w.from).Seconds()
	// Interrupted is not over.
	return w, errors.Join(err, statErr, <-scrapes, manager.Failure(), parent.Err())
}

// scrapeOften asks for the metrics, as Prometheus does, until ctx ends.
func (p *place) scrapeOften(ctx context.Context, manager *harness.Manager) error {
	for pause(ctx, scraped) == nil {
		if _, err := p.scrape(ctx, manager, "firebreak_policies"); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// startOperatorLeft is startOperator, and waits until it has looked at so many namespaces that have a profile, and come to rest.
func (r *rollOut) startOperatorLeft(ctx context.Context, namespaces int) (*harness.Manager, error) {
	manager, err := r.startOperator(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := r.untilExamined(ctx, manager, namespaces); err != nil {
		return nil, errors.Join(err, manager.Kill())
	}
	if err := pause(ctx, r.during(settles)); err != nil {
		return nil, errors.Join(err, manager.Kill())
	}
	return manager, nil
}

// pause waits, or returns why there was no time for it.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// rest looks at an operator that starts where everything is as it should be, and then has nothing to do.
func (b *bench) rest(ctx context.Context) (out []figures.Figure, err error) {
	size, lasts := b.of(5000), b.during(10*time.Minute)
	b.say("Resting in %d namespaces for %s", size, lasts)
	err = b.standing(ctx, placeOptions{counted: true}, size, func(ctx context.Context, r *rollOut) error {
		w, err := r.whileLeft(ctx, lasts, func(context.Context) error { return nil })
		if err != nil {
			return err
		}
		asked, err := r.asked(w.from, w.to, isRequest)
		if err != nil {
			return err
		}
		all, err := r.asked(w.from, w.to, func(audit.Request) bool { return true })
		if err != nil {
			return err
		}
		written, err := r.asked(w.started, w.to, isWrite)
		if err != nil {
			return err
		}
		where := fmt.Sprintf("%d namespaces, %d policies, a scrape every %s", size, policiesEach*size, scraped)
		out = []figures.Figure{
			told("restart-writes", written, fmt.Sprintf("until %s after the start", w.to.Sub(w.started).Round(time.Second))),
			told("rest-requests", asked, where),
			{ID: "rest-watches", Value: float64(watches(all)) / w.to.Sub(w.from).Minutes(), Detail: "the API server and client-go let each last for five to ten minutes"},
			{ID: "rest-cpu", Value: w.processor, Detail: where},
		}
		return nil
	})
	return out, err
}

// changesASecond is how many changes of pods there are.
const changesASecond = 100

// churn lets pods come and go.
func (b *bench) churn(ctx context.Context) (out []figures.Figure, err error) {
	size, lasts := b.of(500), b.during(5*time.Minute)
	b.say("Letting pods of %d namespaces come and go for %s", size, lasts)
	err = b.standing(ctx, placeOptions{counted: true}, size, func(ctx context.Context, r *rollOut) error {
		pods, err := r.newPods(6 * size)
		if err != nil {
			return err
		}
		if err := pods.createAll(ctx, 0, len(pods.all)); err != nil {
			return err
		}
		made := 0
		w, err := r.whileLeft(ctx, lasts, func(ctx context.Context) (err error) {
			made, err = pods.churn(ctx, changesASecond)
			return err
		})
		if err != nil {
			return err
		}
		out, err = r.churned(w, made, fmt.Sprintf("%d pods in %d namespaces", len(pods.all), size))
		return err
	})
	return out, err
}

// churned says what an operator did while so many changes were made.
func (p *place) churned(w watched, made int, where string) ([]figures.Figure, error) {
	writes, err := p.asked(w.from, w.to, func(r audit.Request) bool { return isWrite(r) && r.Object.Resource == "networkpolicies" })
	if err != nil {
		return nil, err
	}
	statuses, err := p.asked(w.from, w.to, func(r audit.Request) bool { return isWrite(r) && r.Object.Subresource == "status" })
	if err != nil {
		return nil, err
	}
	lasts := w.to.Sub(w.from)
	where = fmt.Sprintf("%.0f changes a second for %s, %s", float64(made)/lasts.Seconds(), lasts.Round(time.Second), where)
	out := []figures.Figure{
		told("churn-writes", writes, where),
		{ID: "churn-status", Value: leastBetween(statuses, lasts).Seconds(), Detail: fmt.Sprintf("%d writes", len(statuses))},
		{ID: "churn-cpu", Value: w.processor, Detail: where},
	}
	if len(statuses) < 2 {
		out[1].Unsteady = "there are no two writes to compare"
	}
	if wanted := changesASecond * lasts.Seconds(); float64(made) < 0.95*wanted {
		for i := range out {
			out[i].Unsteady = fmt.Sprintf("only %d of %.0f changes could be made", made, wanted)
		}
	}
	return out, nil
}

// leastBetween returns the least time between two requests about the same object; the whole time when there are none.
func leastBetween(asked []audit.Request, whole time.Duration) time.Duration {
	last := map[string]time.Time{}
	for _, r := range asked {
		name := r.Object.Resource + " " + r.Object.Namespace + "/" + r.Object.Name
		if before, ok := last[name]; ok {
			whole = min(whole, r.Time.Sub(before))
		}
		last[name] = r.Time
	}
	return whole
}
