package documents

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

//go:embed templates/*.json
var files embed.FS

// template is a document whose values are partly open: ${NAME} stands for a
// value of the document, ${hex:N}, ${id:N}, ${num:N} and ${guid} for one made by
// chance. A string that is "${#...}" alone becomes a bare number.
type template struct {
	index string
	parts []part
}

// part is a literal text and the open value after it.
type part struct {
	text string
	open filler
	size int  // of what is made by chance
	slot slot // of a value of the document
}

type filler uint8

const (
	nothing filler = iota
	value
	hexDigits
	letters
	number
	guid
)

// slot is a value that documents of several templates have.
type slot uint8

const (
	slotTime slot = iota
	slotSecond
	slotIngested
	slotAction
	slotActionFolded
	slotAddress
	slotAgent
	slotAlertID
	slotApplication
	slotCity
	slotCountry
	slotDirectory
	slotDrive
	slotExecutable
	slotExtension
	slotFile
	slotFolder
	slotLogin
	slotMachine
	slotMachineID
	slotMaker
	slotName
	slotObjectID
	slotParent
	slotPath
	slotProcess
	slotProduct
	slotSerial
	slotServer
	slotSID
	slotSite
	slotStatus
	slotTitle
	slotUPN
	slotURL
	slots
)

var slotNames = [slots]string{
	"time", "second", "ingested", "action", "action_folded", "address", "agent", "alert_id", "application", "city", "country",
	"directory", "drive", "executable", "extension", "file", "folder", "login", "machine", "machine_id", "maker", "name",
	"object_id", "parent", "path", "process", "product", "serial", "server", "sid", "site", "status", "title", "upn", "url",
}

// readTemplate reads one file of templates/.
func readTemplate(name, index string) (template, error) {
	raw, err := files.ReadFile("templates/" + name + ".json")
	if err != nil {
		return template{}, fmt.Errorf("read template: %w", err)
	}
	var text bytes.Buffer
	if err := json.Compact(&text, raw); err != nil {
		return template{}, fmt.Errorf("read template %s: %w", name, err)
	}
	t := template{index: index}
	rest := text.String()
	for {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			t.parts = append(t.parts, part{text: rest})
			return t, nil
		}
		word, tail, closed := strings.Cut(after, "}")
		if !closed {
			return template{}, fmt.Errorf("read template %s: ${%s is not closed", name, word)
		}
		if bare, is := strings.CutPrefix(word, "#"); is {
			word, before, tail = bare, strings.TrimSuffix(before, `"`), strings.TrimPrefix(tail, `"`)
		}
		p, err := readPart(word)
		if err != nil {
			return template{}, fmt.Errorf("read template %s: %w", name, err)
		}
		p.text = before
		t.parts = append(t.parts, p)
		rest = tail
	}
}

func readPart(word string) (part, error) {
	kind, size, sized := strings.Cut(word, ":")
	if sized {
		n, err := strconv.Atoi(size)
		if err != nil {
			return part{}, fmt.Errorf("${%s}: %w", word, err)
		}
		switch kind {
		case "hex":
			return part{open: hexDigits, size: n}, nil
		case "id":
			return part{open: letters, size: n}, nil
		case "num":
			return part{open: number, size: n}, nil
		}
	} else if kind == "guid" {
		return part{open: guid}, nil
	}
	for i, name := range slotNames {
		if name == word {
			return part{open: value, slot: slot(i)}, nil
		}
	}
	return part{}, fmt.Errorf("nothing is called ${%s}", word)
}

// fill appends the document.
func (t template) fill(line []byte, values *[slots]string, chance *dice) []byte {
	for _, p := range t.parts {
		line = append(line, p.text...)
		switch p.open {
		case value:
			line = append(line, values[p.slot]...)
		case hexDigits:
			line = chance.hex(line, p.size)
		case letters:
			line = chance.letters(line, p.size)
		case number:
			line = strconv.AppendInt(line, int64(chance.below(p.size)), 10)
		case guid:
			line = chance.guid(line)
		}
	}
	return line
}
