package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// link is [text](target) in Markdown; inline code is taken out before.
var (
	link       = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	inlineCode = regexp.MustCompile("`[^`\n]*`")
	heading    = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// TestLinks follows every link to a file of the checkout, and to a heading.
func TestLinks(t *testing.T) {
	linked := map[string]bool{}
	for _, page := range pages(t) {
		_, prose := blocksOf(page, read(t, page))
		for _, found := range link.FindAllStringSubmatch(inlineCode.ReplaceAllString(prose, "`"), -1) {
			target, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			to := page
			if target != "" {
				to = path.Join(path.Dir(page), target)
			}
			if page == "docs/README.md" {
				linked[to] = true
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil || strings.HasPrefix(to, "..") {
				t.Errorf("%s links to %s, which is not there", page, found[1])
				continue
			}
			if anchor != "" && !anchors(read(t, to))[anchor] {
				t.Errorf("%s links to %s: no heading makes that anchor", page, found[1])
			}
		}
	}
	for _, page := range pages(t) {
		if page != "README.md" && page != "docs/README.md" && !linked[page] {
			t.Errorf("docs/README.md does not link to %s", page)
		}
	}
}

// anchors are what the headings of a page are linked by: their letters, digits,
// hyphens and underscores in lower case, blanks as hyphens.
func anchors(text string) map[string]bool {
	_, prose := blocksOf("", text)
	out := map[string]bool{}
	for _, found := range heading.FindAllStringSubmatch(prose, -1) {
		out[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, found[1])] = true
	}
	return out
}

func TestAnchors(t *testing.T) {
	got := anchors("# What it does, and how\n```sh\n# no heading\n```\n## stitch run\n### `max_rows`\n")
	for _, want := range []string{"what-it-does-and-how", "stitch-run", "max_rows"} {
		if !got[want] {
			t.Errorf("no anchor %s in %v", want, got)
		}
	}
	if len(got) != 3 {
		t.Errorf("anchors are %v", got)
	}
}
