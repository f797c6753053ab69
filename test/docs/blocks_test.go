package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is a fenced block of a page.
type block struct {
	page, lang string
	words      []string // of the info string, after the language
	notRun     string   // why it cannot be run; empty if it can
	line       int      // of its first line, from 1
	text       string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// runs reports whether the block is run by a shell.
func (b block) runs() bool { return (b.lang == "sh" || b.lang == "console") && b.notRun == "" }

const root = "../.."

// pages are the pages, by their paths from the root, README.md first.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no pages (%v)", err)
	}
	names := []string{"README.md"}
	for _, path := range found {
		names = append(names, "docs/"+filepath.Base(path))
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocksOf returns the fenced blocks of a page's text, and the text without
// them, line for line.
func blocksOf(page, text string) (blocks []block, rest string) {
	var prose strings.Builder
	var open *block
	for i, line := range strings.SplitAfter(text, "\n") {
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case open != nil && fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line
		case fence:
			open = &block{page: page, line: i + 2}
			info, open.notRun, _ = strings.Cut(strings.TrimSpace(info), " not-run: ")
			if words := strings.Fields(info); len(words) > 0 {
				open.lang, open.words = words[0], words[1:]
			}
		default:
			prose.WriteString(line)
			continue
		}
		prose.WriteByte('\n')
	}
	if open != nil {
		blocks = append(blocks, *open)
	}
	return blocks, prose.String()
}

func TestBlocksOf(t *testing.T) {
	blocks, rest := blocksOf("p.md", "a\n```sh checkout\nx\n\ny\n```\nb\n```sh not-run: docker\nz\n```\n")
	want := []block{
		{page: "p.md", lang: "sh", words: []string{"checkout"}, line: 3, text: "x\n\ny\n"},
		{page: "p.md", lang: "sh", words: []string{}, notRun: "docker", line: 9, text: "z\n"},
	}
	if diff := cmp.Diff(want, blocks, cmp.AllowUnexported(block{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if want := "a\n\n\n\n\n\nb\n\n\n\n"; rest != want {
		t.Errorf("the rest is %q, want %q", rest, want)
	}
}
