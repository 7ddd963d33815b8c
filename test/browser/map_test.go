package browser

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	shop     = "config/samples/three-tier.yaml"
	webshop  = "config/samples/app-over-namespaces.yaml"
	findings = "internal/render/testdata/findings.in.yaml"
)

func TestTheMapInABrowser(t *testing.T) {
	ctx := browser(t)
	one, many := written(t, shop), written(t, webshop, "config/samples/namespaces.yaml", shop)
	marked := written(t, accepted(t, findings))

	t.Run("a box that is pointed at tells what it is and whom it may call", func(t *testing.T) {
		p := open(ctx, t, one, "")
		x, y := p.middle(p.id("api"))
		p.do(chromedp.MouseEvent(input.MouseMoved, x, y))
		p.infoHas("tier api", "the internet on 443", "tier frontend on 8080", "segp.shop.api")
		p.do(chromedp.MouseEvent(input.MouseMoved, 5, 880))
		p.infoHas("Point at a box")
	})

	t.Run("an arrow that is pointed at tells its entry, description and policies", func(t *testing.T) {
		p := open(ctx, t, one, "")
		x, y := p.middle(p.arrow("api", "Internet"))
		p.do(chromedp.MouseEvent(input.MouseMoved, x, y))
		p.infoHas("tier api to the internet", "443", "api-calls-payment-provider", "Card payments leave over HTTPS", "segp.shop.api")
	})

	t.Run("what is clicked stays until Escape, and the address leads back to it", func(t *testing.T) {
		p := open(ctx, t, one, "")
		api := p.id("api")
		x, y := p.middle(api)
		p.do(chromedp.MouseClickXY(x, y), chromedp.MouseEvent(input.MouseMoved, 5, 880))
		p.infoHas("tier api")
		if got := p.text(`location.hash`); got != "#part-"+api {
			t.Errorf("the address ends with %q", got)
		}
		p.do(chromedp.KeyEvent(kb.Escape))
		p.infoHas("Point at a box")
		again := open(ctx, t, one, "part-"+api)
		again.infoHas("tier api")
	})

	t.Run("all is reached and kept with the keyboard alone", func(t *testing.T) {
		p := open(ctx, t, one, "")
		p.focus("#picture")
		p.do(chromedp.KeyEvent(kb.Tab))
		first := p.text(`document.activeElement.dataset.part + ' ' + document.activeElement.id`)
		if !strings.HasPrefix(first, "box ") {
			t.Fatalf("after the picture comes %s", first)
		}
		p.infoHas("May call")
		p.do(chromedp.KeyEvent(kb.Enter))
		if got := p.text(`document.activeElement.getAttribute('aria-pressed')`); got != "true" {
			t.Errorf("aria-pressed is %s", got)
		}
	})

	t.Run("every part has a name for those who cannot see it", func(t *testing.T) {
		p := open(ctx, t, one, "")
		p.click("details.filter summary")
		const nameless = `[...document.querySelectorAll('[data-part], button, input, table, #picture')].filter((e) => e.getClientRects().length > 0 && e.computedName.trim().length < 1).map((e) => e.outerHTML.slice(0, 100)).join(' ')`
		if nobody := p.text(nameless); nobody != "" {
			t.Errorf("these have no name: %s", nobody)
		}
		if role := p.text(`document.getElementById(%q).computedRole`, p.id("api")); role != "button" {
			t.Errorf("a box is a %s", role)
		}
		if name := p.text(`document.getElementById(%q).computedName`, p.arrow("frontend", "api")); !strings.Contains(name, "tier frontend to tier api on 8080") {
			t.Errorf("an arrow is called %q", name)
		}
	})

	t.Run("a search leaves what it finds, with what it is connected to", func(t *testing.T) {
		p := open(ctx, t, one, "")
		all := p.bright("[data-part]")
		p.do(chromedp.KeyEvent("/"))
		if got := p.text(`document.activeElement.id`); got != "search" {
			t.Fatalf("after / the focus is on %s", got)
		}
		look := func(words string) {
			p.do(chromedp.Evaluate(`document.getElementById('search').value = ''`, nil), chromedp.KeyEvent(words))
		}
		look("database")
		if got := p.text(`document.getElementById('found').textContent`); !strings.HasSuffix(got, " found") {
			t.Errorf("it says %q", got)
		}
		if got := p.bright("[data-part]"); got == 0 || got >= all {
			t.Errorf("%d of %d parts are left", got, all)
		}
		if got := p.visible("#connections tbody tr"); got != 1 {
			t.Errorf("%d connections are in the table", got)
		}
		look("nothinglikethis")
		if got := p.bright("[data-part]"); got != 0 {
			t.Errorf("%d parts are found by nonsense", got)
		}
	})

	t.Run("a namespace that is left out takes its boxes and their arrows along", func(t *testing.T) {
		p := open(ctx, t, many, "")
		boxes, arrows := p.visible(".box"), p.visible(".arrow")
		p.click("details.filter summary")
		p.click(`input[data-filter="namespace"][value="production"]`)
		if got := p.visible(".box"); got >= boxes-3 {
			t.Errorf("%d of %d boxes are left", got, boxes)
		}
		if got := p.visible(".arrow"); got == 0 || got >= arrows {
			t.Errorf("%d of %d arrows are left", got, arrows)
		}
		p.click(`button[data-all="namespace"]`)
		if got := p.visible(".box"); got != boxes {
			t.Errorf("%d of %d boxes are back", got, boxes)
		}
	})

	t.Run("a tier that is left out takes those along that talk to nobody else", func(t *testing.T) {
		p := open(ctx, t, one, "")
		p.click("details.filter summary")
		p.click(`input[data-filter="tier"][value="` + p.id("frontend") + `"]`)
		for name, want := range map[string]int{"frontend": 0, "ingress-nginx": 0, "prometheus": 1, "DNS": 1} {
			if got := p.visible("#" + p.id(name)); got != want {
				t.Errorf("of %s there is %d", name, got)
			}
		}
	})

	t.Run("the picture is moved, zoomed and fitted", func(t *testing.T) {
		p := open(ctx, t, one, "")
		width := func() float64 {
			return p.number(`document.getElementById(%q).getBoundingClientRect().width`, p.id("api"))
		}
		left := func() float64 {
			return p.number(`document.getElementById(%q).getBoundingClientRect().left`, p.id("api"))
		}
		before, at := width(), left()
		p.click("#in")
		if got := width(); got < before*1.2 {
			t.Errorf("after + it is %v wide, before %v", got, before)
		}
		p.click("#fit")
		if got := width(); got != before {
			t.Errorf("fitted it is %v wide, before %v", got, before)
		}
		const corner = `(() => { const r = document.getElementById('picture').getBoundingClientRect(); return [r.left + 20, r.bottom - 40]; })()`
		var from []float64
		p.do(chromedp.Evaluate(corner, &from))
		p.do(chromedp.MouseEvent(input.MousePressed, from[0], from[1], chromedp.ButtonLeft, chromedp.ClickCount(1)),
			chromedp.MouseEvent(input.MouseMoved, from[0]+60, from[1], chromedp.ButtonLeft), chromedp.MouseEvent(input.MouseMoved, from[0]+120, from[1], chromedp.ButtonLeft),
			chromedp.MouseEvent(input.MouseReleased, from[0]+120, from[1], chromedp.ButtonLeft, chromedp.ClickCount(1)))
		if got := left(); got < at+100 {
			t.Errorf("dragged by 120 it moved from %v to %v", at, got)
		}
		p.focus("#picture")
		p.do(chromedp.KeyEvent("0"), chromedp.KeyEvent(kb.ArrowLeft))
		if got := left(); got <= at {
			t.Errorf("the arrow key moved it from %v to %v", at, got)
		}
	})

	t.Run("a wheel zooms where the pointer is", func(t *testing.T) {
		p := open(ctx, t, one, "")
		api := p.id("api")
		x, y := p.middle(api)
		p.do(chromedp.ActionFunc(func(ctx context.Context) error {
			return input.DispatchMouseEvent(input.MouseWheel, x, y).WithDeltaX(0).WithDeltaY(-300).Do(ctx)
		}))
		p.do(chromedp.Poll(`document.getElementById('scene').style.transform !== ''`, nil))
		if atX, atY := p.middle(api); atX < x-3 || atX > x+3 || atY < y-3 || atY > y+3 {
			t.Errorf("what was at %v, %v is at %v, %v", x, y, atX, atY)
		}
	})

	t.Run("light and dark follow the system and the button", func(t *testing.T) {
		p := open(ctx, t, one, "")
		paper := func() string { return p.text(`getComputedStyle(document.body).backgroundColor`) }
		light := paper()
		p.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
		dark := paper()
		if light == dark {
			t.Errorf("light and dark are %s", light)
		}
		p.click("#theme")
		if got := paper(); got != light {
			t.Errorf("after the button it is %s, where light is %s", got, light)
		}
	})

	t.Run("printed, there is the picture and the tables, and nothing to press", func(t *testing.T) {
		p := open(ctx, t, one, "")
		p.click("#in")
		p.do(emulation.SetEmulatedMedia().WithMedia("print"))
		if p.visible("aside")+p.visible("#search")+p.visible("#fit") > 0 || p.visible("#connections tbody tr") == 0 || p.visible(".box") == 0 {
			t.Errorf("it is not what one would print: %d asides, %d search, %d fit, %d rows, %d boxes", p.visible("aside"), p.visible("#search"), p.visible("#fit"), p.visible("#connections tbody tr"), p.visible(".box"))
		}
		var pdf []byte
		p.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
			pdf, _, err = page.PrintToPDF().WithLandscape(true).Do(ctx)
			return err
		}))
		if !strings.HasPrefix(string(pdf), "%PDF-") {
			t.Error("that is no PDF")
		}
	})

	t.Run("findings are told in full", func(t *testing.T) {
		p := open(ctx, t, marked, "")
		x, y := p.middle(p.id("web"))
		p.do(chromedp.MouseEvent(input.MouseMoved, x, y))
		p.infoHas("Attention", "ForeignPolicyWidens")
		if p.visible("td.finding") == 0 || !strings.Contains(p.text(`document.getElementById('profiles').innerText`), "Preview: not in force") {
			t.Error("the tables do not tell it")
		}
	})
}
