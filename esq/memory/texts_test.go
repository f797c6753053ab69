package memory

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Texts come back as they were held, whatever was held before and after them.
func TestTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all texts
		var want []string
		var numbers []uint32
		for range rapid.IntRange(1, 200).Draw(t, "texts") {
			text := rapid.SampledFrom([]string{"", "a", "c:\\folder\\name.txt", "name.txt", "\x00name.txt", "ä"}).Draw(t, "text")
			switch rapid.IntRange(0, 5).Draw(t, "as") {
			case 0:
				text = strings.Repeat("l", rapid.IntRange(0, longText-20).Draw(t, "length")) + text
			case 1:
				if len(want) > 0 { // the end of one that was held
					last := want[len(want)-1]
					text = last[rapid.IntRange(0, len(last)).Draw(t, "from"):]
				}
			}
			if rapid.IntRange(0, 2).Draw(t, "time") == 0 {
				text = rapid.StringMatching(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?[Z:x]`).Draw(t, "stamp")
			}
			n := all.addVaried(text)
			if rapid.Bool().Draw(t, "in a field") {
				n = all.hold(fieldID(rapid.IntRange(0, 2).Draw(t, "field")), text)
			}
			want, numbers = append(want, text), append(numbers, n)
		}
		for i, n := range numbers {
			if got := all.at(n); got != want[i] {
				t.Fatalf("%d: got %q, want %q", i, got, want[i])
			}
		}
	})
}

// Of a time the digits are held.
func TestTextsPackTimes(t *testing.T) {
	for text, want := range map[string]int{"2026-03-01T00:00:00Z": 8, "2026-03-01T00:00:00.123Z": 10, "9999-99-99T99:99:99.999Z": 10, "2026-03-01T00:00:00": 20, "2026-03-01 00:00:00Z": 21} {
		var all texts
		if n := all.addVaried(text); all.at(n) != text || len(all.pieces[0]) != want {
			t.Errorf("%q takes %d bytes, want %d, and became %q", text, len(all.pieces[0]), want, all.at(n))
		}
	}
}

// What stands before a text in full need not be held again.
func TestTextsShareEnds(t *testing.T) {
	var all texts
	all.add("c:\\folder\\a long name of a file.txt")
	before := len(all.pieces[0])
	if n := all.add("a long name of a file.txt"); all.at(n) != "a long name of a file.txt" || len(all.pieces[0]) != before+tailMark {
		t.Errorf("%q takes %d bytes", all.at(n), len(all.pieces[0])-before)
	}
}

// Documents keep their texts, however many shapes there are.
func TestPlainShapes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		e := linedEngine(t)
		reader := newLineReader(e.narrow)
		e.narrow.plain.most = rapid.IntRange(1, 5).Draw(r, "most")
		for range rapid.IntRange(1, 20).Draw(r, "lines") {
			checkLine(t, e, reader, drawJSON(r, 3, true))
		}
	})
}
