package page_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/stitchdetect/stitch/mappings"
)

// pale is a script that names texts whose contrast with what is behind them is
// less than WCAG's level AA asks for, and parts of the pictures with less than
// 3:1.
const pale = `(() => {
	const parse = (c) => { const m = c.match(/[\d.]+/g)?.map(Number); return m && { r: m[0], g: m[1], b: m[2], a: m[3] ?? 1 }; };
	const light = (c) => [c.r, c.g, c.b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
	const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c && c.a === 1) return c; } return { r: 255, g: 255, b: 255 }; };
	const wrong = new Set();
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let seen = 0;
	while (walker.nextNode()) {
		const parent = walker.currentNode.parentElement;
		const text = walker.currentNode.textContent.trim();
		if (!text || parent.closest("title, datalist") || !parent.checkVisibility()) continue;
		seen++;
		const style = getComputedStyle(parent);
		const colour = parse(parent.closest("svg") ? style.fill : style.color);
		const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
		const least = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
		const c = contrast(colour, behind(parent));
		if (c < least) wrong.add(c.toFixed(2) + " " + parent.className + ": " + text.slice(0, 40));
	}
	for (const e of document.querySelectorAll(".dot, .dense, rect.covered, rect.hole")) {
		const c = contrast(parse(getComputedStyle(e).fill), behind(e));
		if (c < 3) wrong.add(c.toFixed(2) + " " + e.className.baseVal);
	}
	if (seen === 0) wrong.add("there is no text");
	return [...wrong];
})()`

// In the light and in the dark everything can be read.
func testContrast(t *testing.T, browser context.Context) {
	s := newActing(t, append(many(8), incident())...)
	for _, scheme := range []string{"light", "dark"} {
		for name, path := range map[string]string{"list": "/?severity=low", "alert": "/alerts/" + incident().ID, "rules": "/rules", "rule": "/rules/" + usbRule} {
			t.Run(name+"-"+scheme, func(t *testing.T) {
				b := newTab(t, browser, s)
				b.size(1280)
				call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
				b.open(path)
				if wrong := ask[[]string](b, pale); len(wrong) > 0 {
					t.Errorf("%s", strings.Join(wrong, "\n"))
				}
				if ground := ask[string](b, `getComputedStyle(document.body).backgroundColor`); (ground == "rgb(255, 255, 255)") != (scheme == "light") {
					t.Errorf("the ground is %s", ground)
				}
				b.photograph(name + "-" + scheme)
			})
		}
	}
}

// focused is the id of what has the focus.
const focused = `document.activeElement.id`

// tip is the tooltip that is seen.
const tip = `(() => { const t = document.getElementById("tip"); return t.hidden ? "" : t.textContent; })()`

// The timeline is one stop of the tab key; arrows go through it, Enter shows
// what is behind a mark.
func testKeyboard(t *testing.T, browser context.Context) {
	b := newTab(t, browser, newSite(t, nil, incident()))
	b.size(1280)
	b.open("/alerts/" + incident().ID)
	for n := 0; !strings.HasPrefix(ask[string](b, focused), "m-"); n++ {
		if n > 10 {
			t.Fatal("no tab leads to the timeline")
		}
		b.run(chromedp.KeyEvent(kb.Tab))
	}
	for _, step := range []struct{ key, mark, tip string }{
		{"", "m-0-0", "download, 2026-03-10 09:12:04 to 09:"},
		{kb.ArrowDown, "m-1-0", "alert, 2026-03-10 09:16:30: Mass download by a single user"},
		{kb.ArrowDown, "m-2-0", "mount, 2026-03-10 13:40:11: E:"},
		{kb.ArrowDown, "m-3-0", "copy, 2026-03-10 13:42:00: " + hostileFile},
		{kb.ArrowRight, "m-3-1", `copy, 2026-03-10 13:44:10: E:\annual<U+202E>xcod.exe`},
		{kb.End, "m-3-2", "copy, 2026-03-10 13:47:21"},
		{kb.ArrowRight, "m-3-2", "copy, 2026-03-10 13:47:21"}, // there is none
		{kb.Home, "m-3-0", "copy, 2026-03-10 13:42:00"},
		{kb.ArrowLeft, "m-3-0", "copy, 2026-03-10 13:42:00"},
		{kb.ArrowUp, "m-2-0", "mount"},
		{kb.ArrowDown, "m-3-0", "copy"},
	} {
		if step.key != "" {
			b.run(chromedp.KeyEvent(step.key))
		}
		if mark, text := ask[string](b, focused), ask[string](b, tip); mark != step.mark || !strings.HasPrefix(text, step.tip) {
			t.Fatalf("at %s, told %q, want %s, %q", mark, text, step.mark, step.tip)
		}
	}
	if ring := ask[string](b, `getComputedStyle(document.activeElement.querySelector(".reach")).stroke`); ring == "none" {
		t.Error("the focus is not seen")
	}
	b.run(chromedp.KeyEvent(kb.Enter))
	if shown := ask[string](b, `document.getElementById("shown").checkVisibility() ? document.getElementById("shown").innerText : ""`); !strings.Contains(shown, hostileFile) ||
		!strings.Contains(shown, "copy-1") || !strings.Contains(shown, "NW-LT-0417") || !strings.Contains(shown, "Kibana") {
		t.Errorf("shown is %q", shown)
	}
	if at := ask[string](b, `location.hash`); at != "" {
		t.Errorf("the page has moved to %s", at)
	}
	if wrong := ask[[]string](b, overlaps); len(wrong) > 0 {
		t.Errorf("%s", strings.Join(wrong, "\n"))
	}
	b.photograph("shown-1280")
	b.run(chromedp.KeyEvent(kb.Escape))
	if text := ask[string](b, tip); text != "" {
		t.Errorf("the tip stays: %s", text)
	}
	b.run(chromedp.KeyEvent(kb.Tab))
	if at := ask[string](b, focused); strings.HasPrefix(at, "m-") {
		t.Errorf("the timeline is more than one stop: %s", at)
	}
}

// The pointer has the same as the keyboard.
func testPointer(t *testing.T, browser context.Context) {
	b := newTab(t, browser, newSite(t, nil, incident()))
	b.size(360)
	b.open("/alerts/" + incident().ID)
	b.run(chromedp.ScrollIntoView(chromedp.CSS("#m-3-2")))
	where := ask[[]float64](b, `(() => { const r = document.querySelector("#m-3-2 .dot").getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`)
	b.run(chromedp.MouseEvent(chromedp.MouseMoved, where[0], where[1]))
	if text := ask[string](b, tip); !strings.HasPrefix(text, "copy, 2026-03-10 13:47:21") {
		t.Errorf("told %q", text)
	}
	if wide := ask[bool](b, `document.documentElement.scrollWidth > document.documentElement.clientWidth || document.getElementById("tip").getBoundingClientRect().left < 0`); wide {
		t.Error("the tip has no room")
	}
	b.run(chromedp.MouseClickXY(where[0], where[1]))
	if shown := ask[string](b, `document.getElementById("shown").innerText`); !strings.Contains(shown, "Tender 07.xlsx") {
		t.Errorf("shown is %q", shown)
	}
}

// A mark whose documents are on another page leads there.
func testCrowd(t *testing.T, browser context.Context) {
	s := newSite(t, nil, crowded(10_000))
	if size := len(s.get(t, "/alerts/crowded").body); size > 300_000 {
		t.Errorf("%d bytes", size)
	}
	b := newTab(t, browser, s)
	b.size(1280)
	b.open("/alerts/crowded")
	if n := ask[int](b, `document.querySelectorAll("a.mark").length`); n < 50 || n > 200 {
		t.Errorf("%d marks", n)
	}
	if sum := ask[int](b, `[...document.querySelectorAll("a.mark[data-lane='1']")].reduce((n, m) => n + Number(m.dataset.last) - Number(m.dataset.first) + 1, 0)`); sum != 10_000 {
		t.Errorf("the marks stand for %d documents", sum)
	}
	last := ask[string](b, `[...document.querySelectorAll("a.mark")].at(-1).id`)
	href := ask[string](b, `document.getElementById("`+last+`").getAttribute("href")`)
	b.open("/alerts/crowded" + href)
	row := href[strings.LastIndex(href, "#"):]
	if seen := ask[bool](b, `document.querySelector("`+row+`").checkVisibility() && document.querySelector("`+row+`").getBoundingClientRect().top < innerHeight`); !seen {
		t.Errorf("%s is not seen", row)
	}
}

// Names are text, whoever chose them.
func testHostileNames(t *testing.T, browser context.Context) {
	s := newSite(t, nil, append(many(8), incident())...)
	for path, want := range map[string]string{"/": hostileUser, "/alerts/" + incident().ID: hostileFile, "/alerts/" + ordinary(3).ID: hostileUser} {
		b := newTab(t, browser, s)
		b.size(1280)
		b.open(path)
		if title := ask[string](b, `document.title`); strings.Contains(title, "owned") {
			t.Errorf("%s: a name was run", path)
		}
		if text := ask[string](b, `document.querySelector("main").innerText`); !strings.Contains(text, want) {
			t.Errorf("%s does not show %q", path, want)
		}
		if n := ask[int](b, `document.querySelectorAll("img, main script, iframe, [style], [onerror]").length`); n != 0 {
			t.Errorf("%s has %d elements too many", path, n)
		}
		if n := ask[int](b, `[...document.links].filter((l) => !/^https?:$/.test(l.protocol)).length`); n != 0 {
			t.Errorf("%s has %d links that no page should have", path, n)
		}
	}
}

// An analyst acknowledges, comments and closes, and sees what was done.
func testTriage(t *testing.T, browser context.Context) {
	s := newActing(t, incident())
	b := newTab(t, browser, s)
	b.size(1280)
	b.open("/alerts/" + incident().ID)
	for _, step := range []struct{ do, field, text, done string }{
		{mappings.Acknowledge, "comment", "on it\n<b>", "Acknowledged."},
		{mappings.Comment, "comment", "asked her", "The comment is written."},
		{mappings.Close, "reason", "benign: allowed work", "Closed."},
	} {
		b.run(chromedp.SendKeys(chromedp.CSS(`form.triage [name="`+step.field+`"]`), step.text))
		b.follow(chromedp.Click(chromedp.CSS(`form.triage button[value="` + step.do + `"]`)))
		if done := ask[string](b, `document.querySelector(".done").textContent`); done != step.done {
			t.Fatalf("%s: %q", step.do, done)
		}
	}
	text := ask[string](b, `document.querySelector(".history").innerText`)
	for _, want := range []string{"acknowledge by anna <b>", "on it\n<b>", "asked her", "close by anna <b>: benign: allowed work"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	b.photograph("triaged-1280")
}

// Times are UTC, and the reader's own in the title.
func testLocalTime(t *testing.T, browser context.Context) {
	b := newTab(t, browser, newSite(t, nil, incident()))
	call(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Tokyo"})
	b.open("/alerts/" + incident().ID)
	got := ask[[]string](b, `(() => { const t = document.querySelector(".title time"); return [t.textContent, t.title]; })()`)
	if got[0] != "2026-03-10 09:12:04" || !strings.HasPrefix(got[1], "2026-03-10 09:12:04 UTC\n") || !strings.Contains(got[1], "6:12:04") {
		t.Errorf("%q", got)
	}
}

// Ten thousand alerts are walked through page by page.
func testManyAlerts(t *testing.T, browser context.Context) {
	b := newTab(t, browser, newSite(t, nil, many(10_000)...))
	b.size(1280)
	b.open("/")
	const first = `document.querySelector("tbody a").href.slice(-20)`
	for page := range 4 {
		if got, want := ask[string](b, first), ordinary(50*page).ID; got != want {
			t.Fatalf("page %d begins with %s, want %s", page, got, want)
		}
		b.follow(chromedp.Click(chromedp.CSS(`a[rel="next"]`)))
	}
}

// Without the script all is there: marks are links to their documents.
func testWithoutScript(t *testing.T, browser context.Context) {
	b := newTab(t, browser, newSite(t, nil, incident()))
	b.size(1280)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(b.site.URL + "/alerts/" + incident().ID))
	if b.has(`html.script`) || b.has(`#tip`) {
		t.Fatal("the script has run")
	}
	for n := 0; !b.has(`a.mark:focus`); n++ {
		if n > 10 {
			t.Fatal("no tab leads to the timeline")
		}
		b.run(chromedp.KeyEvent(kb.Tab))
	}
	for n := 0; !b.has(`#m-3-0:focus`); n++ {
		if n > 10 {
			t.Fatal("no tab leads to the copies")
		}
		b.run(chromedp.KeyEvent(kb.Tab))
	}
	b.run(chromedp.KeyEvent(kb.Enter))
	if !b.has(`#d-3-0:target`) {
		t.Error("the mark does not lead to its document")
	}
}
