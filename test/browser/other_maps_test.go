package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// file returns one that holds this text.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "profile.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// protected is a profile of which nothing can be drawn: it acts in no namespace.
const protected = `apiVersion: firebreak.dev/v1alpha1
kind: SegmentationProfile
metadata: {name: kept, namespace: kube-system}
spec:
  tiers: [{name: dns, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
`

// large returns a profile with so many tiers, each of which calls the next ones. All call DNS, which is told in their boxes.
func large(tiers int) string {
	var out strings.Builder
	out.WriteString("apiVersion: firebreak.dev/v1alpha1\nkind: SegmentationProfile\nmetadata: {name: large, namespace: large}\nspec:\n  tiers:\n")
	for i := range tiers {
		fmt.Fprintf(&out, "  - {name: t%d, podSelector: {matchLabels: {app: t%d}}, ports: [{port: 8080}]}\n", i, i)
	}
	out.WriteString("  allow:\n")
	for i := range tiers - 4 {
		fmt.Fprintf(&out, "  - {name: from-t%d, from: [{tier: t%d}], to: [{tier: t%d}, {tier: t%d}, {tier: t%d}, {tier: t%d}]}\n", i, i, i+1, i+2, i+3, i+4)
	}
	return out.String()
}

func TestOtherMapsInABrowser(t *testing.T) {
	ctx := browser(t)

	t.Run("an arrow that is stopped tells why and ends in a cross", func(t *testing.T) {
		p := open(ctx, t, written(t, accepted(t, findings)), "")
		arrow := p.text(`document.querySelector('.arrow.closed').id`)
		x, y := p.middle(arrow)
		p.do(chromedp.MouseEvent(input.MouseMoved, x, y))
		p.infoHas("tier orders of shop to tier api of payments", "something else closes one of the ends", "pay of", "HalfOpen")
		if got := p.text(`getComputedStyle(document.querySelector('#%s .line')).markerEnd`, arrow); got != `url("#head-stop")` {
			t.Errorf("it ends in %s", got)
		}
	})

	t.Run("a profile of which nothing can be drawn is told", func(t *testing.T) {
		p := open(ctx, t, written(t, file(t, protected)), "")
		if p.visible(".box")+p.visible(".arrow") > 0 {
			t.Error("something is drawn")
		}
		if got := p.text(`document.body.innerText`); !strings.Contains(got, "not drawn: ") || !strings.Contains(got, "is protected") {
			t.Errorf("the page says\n%s", got)
		}
		p.click("#in")
		p.focus("#search")
		p.do(chromedp.KeyEvent("dns"))
		if got := p.text(`document.getElementById('found').textContent`); got != "0 found" {
			t.Errorf("of what is looked for, %q", got)
		}
	})

	t.Run("of a large picture everything can be found and read", func(t *testing.T) {
		p := open(ctx, t, written(t, file(t, large(60))), "")
		if boxes, arrows := p.visible(".box"), p.visible(".arrow"); boxes != 60 || arrows != 224 {
			t.Errorf("%d boxes and %d arrows are to be seen", boxes, arrows)
		}
		if got := p.text(`document.getElementById('%s').textContent`, p.id("t7")); !strings.Contains(got, "DNS") {
			t.Errorf("the box of a tier that calls DNS says %q", got)
		}
		p.focus("#search")
		p.do(chromedp.KeyEvent("t42"), chromedp.Poll(`document.getElementById('found').textContent !== ''`, nil))
		// The tier, and its four callers and callees.
		if found, left := p.text(`document.getElementById('found').textContent`), p.bright(".box"); found != "9 found" || left != 9 {
			t.Errorf("%s, and %d boxes are left", found, left)
		}
		rows := p.visible("#connections tbody tr")
		// With its DNS.
		if rows != 9 {
			t.Errorf("%d rows of the table are left", rows)
		}
		// It fits on the screen, and can be made as large as text must be.
		for range 20 {
			p.click("#in")
		}
		if got := p.number(`document.querySelector('#%s text').getBoundingClientRect().height`, p.id("t42")); got < 12 {
			t.Errorf("at its largest, text is %v pixels high", got)
		}
	})
}
