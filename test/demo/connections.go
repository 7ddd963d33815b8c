package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"firebreak.dev/firebreak/test/dataplane/testbed"
)

// patience is how long an answer is waited for; those that come take about a millisecond.
const patience = time.Second

// mailPort is the one that mail is sent to, which the sample's profile does not list.
const mailPort = 25

// before shows that without policies every connection passes.
func (w *wire) before(ctx context.Context) error {
	w.say("There is no policy yet. Each line is a TCP connection of its own, and whoever accepts it says its name.")
	fmt.Fprintln(w.out)
	return w.open(ctx, append(w.listed(), w.unlisted()...), nil)
}

// listed are connections that the sample's profile lists.
func (w *wire) listed() []testbed.Flow {
	return []testbed.Flow{
		{From: w.frontend, To: w.api, Port: testbed.TCP(8080)},
		{From: w.api, To: w.database, Port: testbed.TCP(5432)},
		{From: w.api, To: w.internet, Port: testbed.TCP(443)},
	}
}

// unlisted are connections that it does not list.
func (w *wire) unlisted() []testbed.Flow {
	return []testbed.Flow{
		{From: w.frontend, To: w.database, Port: testbed.TCP(5432)},
		{From: w.database, To: w.internet, Port: testbed.TCP(443)},
		w.mail(),
	}
}

// mail is an unlisted connection from a pod that may reach the same host on another port.
func (w *wire) mail() testbed.Flow {
	return testbed.Flow{From: w.api, To: w.internet, Port: testbed.TCP(mailPort)}
}

// after applies the profile and shows what passes then.
func (w *wire) after(ctx context.Context) error {
	for _, args := range [][]string{
		{"apply", "-f", sample},
		{"wait", "--for=condition=Ready", "--timeout=30s", "segp/shop", "-n", namespace},
		{"get", "networkpolicy", "-n", namespace},
	} {
		if _, err := w.kubectl(ctx, args...); err != nil {
			return err
		}
	}
	if err := w.untilEnforced(ctx); err != nil {
		return err
	}
	w.say("The same connections again:")
	fmt.Fprintln(w.out)
	if err := w.open(ctx, w.listed(), w.unlisted()); err != nil {
		return err
	}
	w.proved("What the profile lists passes. The rest is dropped on the way, by kernel and network plugin.")
	w.say("Why does the frontend not reach the database?")
	reasons, err := w.kubectl(ctx, "firebreak", "explain", "pod/frontend", "pod/database:5432", "-n", namespace)
	if err != nil {
		return err
	}
	return expect(reasons, "DENIED")
}

// untilEnforced waits until the network plugin has got hold of the policies, which takes it milliseconds.
func (w *wire) untilEnforced(ctx context.Context) error {
	var passing []string
	var failed error
	err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, watchTimeout, true, func(ctx context.Context) (bool, error) {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		passing, failed = w.cluster.Passing(ctx, w.unlisted())
		return failed == nil && len(passing) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("wait until nothing passes that the profile does not list, such as %s: %w", strings.Join(passing, ", "), errors.Join(err, failed))
	}
	return nil
}

// open opens connections and prints what becomes of each. It fails when one that is to pass does not, or the other way round, or
// when packets have not even come to where they are judged.
func (w *wire) open(ctx context.Context, pass, block []testbed.Flow) error {
	before, err := w.cluster.Judged()
	if err != nil {
		return err
	}
	for _, f := range pass {
		if err := w.openOne(ctx, f, "passes"); err != nil {
			return err
		}
	}
	for _, f := range block {
		if err := w.openOne(ctx, f, "blocked"); err != nil {
			return err
		}
	}
	after, err := w.cluster.Judged()
	if err != nil {
		return err
	}
	if sent := uint64(len(pass) + len(block)); after.Packets-before.Packets < sent || after.Lost != before.Lost {
		return errors.New("some packets did not come to the network plugin")
	}
	return nil
}

// openOne opens a connection, prints what becomes of it, and fails when that is not what is wanted.
func (w *wire) openOne(ctx context.Context, f testbed.Flow, want string) error {
	started := time.Now()
	answer, err := f.Open(ctx, patience)
	if err != nil {
		return err
	}
	took := time.Since(started)
	got, how := "blocked", fmt.Sprintf("nobody answered for %.0f s", patience.Seconds())
	if answer.By != "" {
		got, how = "passes", fmt.Sprintf("%s answered after %.1f ms", answer.By, float64(took.Microseconds())/1000)
	}
	style := green
	if got == "blocked" {
		style = bold
	}
	fmt.Fprintf(w.out, "%-51s %s  %s\n", f, w.paint(style, fmt.Sprintf("%-7s", got)), how)
	if got != want {
		return fmt.Errorf("%s: this is %s", f, got)
	}
	return nil
}
