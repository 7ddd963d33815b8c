package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"firebreak.dev/firebreak/internal/cli"
	"firebreak.dev/firebreak/test/harness"
)

// patience is how long a page may take for anything.
const patience = 60 * time.Second

// browser starts Chromium, or skips the test where there is none; in CI there has to be one.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatalf("%v: install Debian's package chromium", err)
	case err != nil:
		t.Skipf("%v: install Debian's package chromium", err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.WindowSize(1400, 900), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true),
		chromedp.Flag("enable-blink-features", "ComputedAccessibilityInfo"))
	ctx, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(stop)
	ctx, stopBrowser := chromedp.NewContext(ctx)
	t.Cleanup(stopBrowser)
	if err := chromedp.Run(ctx); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	// Stopped before its directory is removed.
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("stop the browser: %v", err)
		}
	})
	return ctx
}

// written returns the file that the plugin writes of some files.
func written(t *testing.T, files ...string) string {
	t.Helper()
	root, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	args := []string{"map", "-o", "html"}
	for _, file := range files {
		if !filepath.IsAbs(file) {
			file = filepath.Join(root, file)
		}
		args = append(args, "-f", file)
	}
	streams, _, stdout, stderr := genericiooptions.NewTestIOStreams()
	if code := cli.Run(t.Context(), args, "v0.0.0-test", streams); code != 0 {
		t.Fatalf("%v: exit code %d\n%s", args, code, stderr)
	}
	file := filepath.Join(t.TempDir(), "map.html")
	if err := os.WriteFile(file, stdout.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// accepted returns a copy of a file without the profile that the plugin refuses.
func accepted(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	documents := slices.DeleteFunc(strings.Split(string(text), "\n---\n"), func(d string) bool { return strings.Contains(d, "name: broken") })
	out := filepath.Join(t.TempDir(), "accepted.yaml")
	if err := os.WriteFile(out, []byte(strings.Join(documents, "\n---\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// tab is a page in a tab of its own.
type tab struct {
	*testing.T
	ctx context.Context
	mu  sync.Mutex
	// complaints are what the browser had to say, and requests what the page asked for beside itself.
	complaints, requests []string
}

// open opens a file in a tab. fragment is what stands behind # in the address.
func open(ctx context.Context, t *testing.T, file, fragment string) *tab {
	t.Helper()
	inTab, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	inTab, cancel := context.WithTimeout(inTab, patience)
	t.Cleanup(cancel)
	p := &tab{T: t, ctx: inTab}
	address := (&url.URL{Scheme: "file", Path: file, Fragment: fragment}).String()
	chromedp.ListenTarget(inTab, func(event any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			p.complaints = append(p.complaints, e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			p.complaints = append(p.complaints, e.Entry.Text)
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(address, e.Request.URL) {
				p.requests = append(p.requests, e.Request.URL)
			}
		}
	})
	p.do(network.Enable(), log.Enable(), chromedp.Navigate(address))
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.complaints)+len(p.requests) > 0 {
			t.Errorf("the browser complains: %q; the page asks for %q", p.complaints, p.requests)
		}
	})
	return p
}

func (p *tab) do(actions ...chromedp.Action) {
	p.Helper()
	if err := chromedp.Run(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// text evaluates an expression of JavaScript that is a string.
func (p *tab) text(expression string, args ...any) string {
	p.Helper()
	var out string
	p.do(chromedp.Evaluate(fmt.Sprintf(expression, args...), &out))
	return out
}

// number evaluates an expression of JavaScript that is a number.
func (p *tab) number(expression string, args ...any) float64 {
	p.Helper()
	var out float64
	p.do(chromedp.Evaluate(fmt.Sprintf(expression, args...), &out))
	return out
}

// id returns that of the box of this name, of those with it the first.
func (p *tab) id(name string) string {
	p.Helper()
	return p.text(`[...document.querySelectorAll('.box')].find((b) => b.querySelector('.name').textContent === %q).id`, name)
}

// arrow returns the ID of the arrow from one box to another.
func (p *tab) arrow(from, to string) string {
	p.Helper()
	return p.text(`document.querySelector('[data-from="%s"][data-to="%s"]').id`, p.id(from), p.id(to))
}

// visible counts the elements that are on the page.
func (p *tab) visible(selector string) int {
	p.Helper()
	return int(p.number(`[...document.querySelectorAll(%q)].filter((e) => e.getClientRects().length > 0).length`, selector))
}

// bright counts those that are not dimmed either.
func (p *tab) bright(selector string) int {
	p.Helper()
	return int(p.number(`[...document.querySelectorAll(%q)].filter((e) => e.getClientRects().length > 0 && !e.classList.contains('dim')).length`, selector))
}

// middle returns where a part of the picture is on the screen; of an arrow, a point on its line.
func (p *tab) middle(id string) (x, y float64) {
	p.Helper()
	const point = `(() => { const part = document.getElementById(%q), line = part.querySelector('path.line');
		if (!line) { const r = part.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }
		const at = line.getPointAtLength(line.getTotalLength() / 3).matrixTransform(line.getScreenCTM()); return [at.x, at.y]; })()`
	var at []float64
	p.do(chromedp.Evaluate(fmt.Sprintf(point, id), &at))
	return at[0], at[1]
}

// click clicks on the element that a selector finds first.
func (p *tab) click(selector string) {
	p.Helper()
	const centre = `(() => { const e = document.querySelector(%q); e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect();
		return [r.x + r.width / 2, r.y + r.height / 2]; })()`
	var at []float64
	p.do(chromedp.Evaluate(fmt.Sprintf(centre, selector), &at))
	p.do(chromedp.MouseClickXY(at[0], at[1]))
}

// focus puts the focus on the element that a selector finds first.
func (p *tab) focus(selector string) {
	p.Helper()
	p.do(chromedp.Evaluate(fmt.Sprintf(`document.querySelector(%q).focus()`, selector), nil))
}

// info returns what is told of a part.
func (p *tab) info() string {
	p.Helper()
	return p.text(`document.getElementById('info').innerText`)
}

func (p *tab) infoHas(want ...string) {
	p.Helper()
	info := p.info()
	for _, w := range want {
		if !strings.Contains(info, w) {
			p.Errorf("there is no %q in what is told:\n%s", w, info)
		}
	}
}
