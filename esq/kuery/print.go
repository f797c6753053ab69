package kuery

import (
	"strings"
)

// How tightly a node's printed form binds.
const (
	bindsOr = iota
	bindsAnd
	bindsNot
	bindsAll
)

// Print writes n as text that parses to a tree equal to n. Brackets stand only
// where they are needed, and values of one field are gathered in a list:
// field:(a or b).
func Print(n Node) string {
	var p printer
	p.node(n, bindsOr)
	return p.String()
}

type printer struct {
	strings.Builder
	inList bool // inside field:( ), where values stand alone
}

// node writes n, in brackets if it binds less tightly than least.
func (p *printer) node(n Node, least int) {
	if !p.inList && p.list(n) {
		return
	}
	if binding(n) < least {
		p.WriteByte('(')
		defer p.WriteByte(')')
	}
	switch n := n.(type) {
	case *And:
		p.chain(n.Nodes, " and ", bindsNot)
	case *Or:
		p.chain(n.Nodes, " or ", bindsAnd)
	case *Not:
		p.WriteString("not ")
		p.node(n.Node, bindsAll)
	case *Is:
		p.is(n)
	case *Range:
		p.text(n.Field)
		p.WriteString(" " + string(n.Op) + " ")
		p.text(n.Value)
	case *Nested:
		p.text(n.Path)
		p.WriteString(":{ ")
		p.node(n.Node, bindsOr)
		p.WriteString(" }")
	}
}

// list writes n as a list of values if it connects values of one field, and
// reports whether it did.
func (p *printer) list(n Node) bool {
	switch n.(type) {
	case *And, *Or:
	default:
		return false
	}
	field := commonField(n)
	if field == nil {
		return false
	}
	p.text(*field)
	p.WriteString(":(")
	p.inList = true
	p.node(n, bindsOr)
	p.inList = false
	p.WriteByte(')')
	return true
}

// commonField returns the one field that everything in n is compared with by
// [Is], or nil.
func commonField(n Node) *Text {
	switch n := n.(type) {
	case *And:
		return commonFieldOf(n.Nodes)
	case *Or:
		return commonFieldOf(n.Nodes)
	case *Not:
		return commonField(n.Node)
	case *Is:
		return n.Field
	}
	return nil
}

func commonFieldOf(nodes []Node) *Text {
	var common *Text
	for _, n := range nodes {
		field := commonField(n)
		if field == nil || common != nil && !field.equal(*common) {
			return nil
		}
		common = field
	}
	return common
}

func (p *printer) chain(nodes []Node, keyword string, least int) {
	for i, n := range nodes {
		if i > 0 {
			p.WriteString(keyword)
		}
		p.node(n, least)
	}
}

func (p *printer) is(n *Is) {
	if n.Field != nil && !p.inList {
		p.text(*n.Field)
		p.WriteByte(':')
	}
	p.text(n.Value)
}

func binding(n Node) int {
	switch n.(type) {
	case *Or:
		return bindsOr
	case *And:
		return bindsAnd
	case *Not:
		return bindsNot
	}
	return bindsAll
}

func (p *printer) text(t Text) {
	switch {
	case t.Quoted:
		p.WriteByte('"')
		p.WriteString(quotedEscapes.Replace(t.Name()))
		p.WriteByte('"')
	case len(t.Parts) == 1 && t.Parts[0] == "":
		p.WriteString(`\t`) // trimmed away when it is read again
	default:
		last := len(t.Parts) - 1
		for i, part := range t.Parts {
			if i > 0 {
				p.WriteByte('*')
			}
			p.unquoted(part, i == 0, i == last)
		}
	}
}

var quotedEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`, "\r", `\r`, "\n", `\n`)

// unquoted writes a part of a text, escaped. At the text's first and last part
// a space may come to stand before and after it.
func (p *printer) unquoted(s string, first, last bool) {
	spaced := first // whether a space stands before s[i]
	for i := 0; i < len(s); {
		c := s[i]
		if word := keywordAt(s[i:], spaced, last); word != "" {
			p.keyword(s[i : i+len(word)])
			i += len(word)
			spaced = false
			continue
		}
		size := plainSpace(s[i:])
		spaced = size > 0
		switch {
		case size > 0:
			p.WriteString(s[i : i+size])
		case special(c):
			p.WriteByte('\\')
			p.WriteByte(c)
		default:
			p.WriteString(quotedEscapes.Replace(s[i : i+1]))
		}
		i += max(size, 1)
	}
}

// keywordAt returns the keyword that s would start with if it were printed as
// it is, or "".
func keywordAt(s string, spaced, last bool) string {
	for _, word := range []string{"not", "and", "or"} {
		if !hasWord(s, word) || word != "not" && !spaced {
			continue
		}
		rest := s[len(word):]
		if rest == "" && last || plainSpace(rest) > 0 {
			return word
		}
	}
	return ""
}

// keyword writes a keyword as a word. A small n needs its number: \n is a line
// break to Kibana, even in \not.
func (p *printer) keyword(word string) {
	if word[0] == 'n' {
		p.WriteString(`\u006e` + word[1:])
		return
	}
	p.WriteString(`\` + word)
}

// plainSpace returns the size of the space that s starts with if it is one
// that is printed as it is, or 0.
func plainSpace(s string) int {
	if s != "" && strings.IndexByte("\t\r\n", s[0]) >= 0 {
		return 0
	}
	return spaceAt(s)
}
