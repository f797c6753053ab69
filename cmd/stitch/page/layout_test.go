package page_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// overlaps is a script that names texts that stand on each other, and what is
// wider than the window. It counts what is seen alone.
const overlaps = `(() => {
	const wrong = [];
	const room = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > room) wrong.push("the page is " + document.documentElement.scrollWidth + " wide, the window " + room);
	const texts = [];
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const node = walker.currentNode;
		const parent = node.parentElement;
		if (!node.textContent.trim() || parent.closest("title, option, .hidden, .skip, thead, datalist, .source, .tip")) continue;
		if (!parent.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
		const range = document.createRange();
		range.selectNodeContents(node);
		for (const r of range.getClientRects()) {
			if (r.width < 1 || r.height < 1) continue;
			if (r.left < -1 || r.right > room + 1) wrong.push("beyond the window: " + node.textContent.trim().slice(0, 60));
			texts.push({ r, text: node.textContent.trim().slice(0, 60), line: parent });
		}
	}
	texts.sort((a, b) => a.r.top - b.r.top);
	for (let i = 0; i < texts.length; i++) {
		for (let j = i + 1; j < texts.length && texts[j].r.top < texts[i].r.bottom; j++) {
			const a = texts[i].r, b = texts[j].r;
			const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
			const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
			if (wide > 1 && high > 4) wrong.push("on each other: " + texts[i].text + " | " + texts[j].text);
		}
	}
	return wrong.slice(0, 10);
})()`

// Whatever the width, nothing is cut off and no text stands on another.
func testLayout(t *testing.T, browser context.Context) {
	stored := append(many(60), incident(), crowded(10_000))
	s := newSite(t, nil, stored...)
	acting := newSite(t, nil, stored...)
	acting.Config.Handler = newPage(t, acting, acting.acting)
	for _, width := range []int64{360, 1280, 3840} {
		for name, path := range map[string]string{
			"list": "/", "alert": "/alerts/" + incident().ID, "crowded": "/alerts/crowded", "rules": "/rules?span=7d",
			"rule": "/rules/8a30d849-6e54-41a0-9cbb-d8f055b4dd19", "problem": "/alerts/nothing",
		} {
			t.Run(fmt.Sprintf("%s-%d", name, width), func(t *testing.T) {
				b := newTab(t, browser, s)
				switch name {
				case "alert":
					b.site = acting
				case "problem":
					b.refused = s.URL + path
				}
				b.size(width)
				b.open(path)
				if wrong := ask[[]string](b, overlaps); len(wrong) > 0 {
					t.Errorf("%s", strings.Join(wrong, "\n"))
				}
				b.photograph(fmt.Sprintf("%s-%d", name, width))
			})
		}
	}
}
