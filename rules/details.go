package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stitchdetect/stitch/esq/eql"
)

// detail is one entry of [rule.alert.details], or a table of them.
type detail struct {
	name   string
	value  *eql.Program // nil for a table
	list   bool         // an array whatever its size
	nested []detail
}

// slot is a column of a stage that details read.
type slot struct {
	stage   int
	column  int // of the row; firstTime or lastTime
	matched bool
}

// The times of a row, which every stage has beside its columns.
const (
	firstTime = -1
	lastTime  = -2
)

func (c *compiler) readDetails(path []string, spec map[string]any, p *plan) []detail {
	var out []detail
	for _, name := range sortedKeys(spec) {
		at := append(path[:len(path):len(path)], name)
		switch v := spec[name].(type) {
		case map[string]any:
			out = append(out, detail{name: name, nested: c.readDetails(at, v, p)})
		case string:
			out = append(out, c.readDetail(at, name, v, p))
		default:
			c.problem(at, "detail %s must be a column, an expression or a table, not %s", name, kindOf(v))
		}
	}
	return out
}

func (c *compiler) readDetail(at []string, name, text string, p *plan) detail {
	d := detail{name: name}
	expr, err := eql.ParseExpr(text)
	if err == nil {
		d.value, err = eql.Compile(expr, func(ref eql.Ref) (int, error) {
			s, list, err := c.slotOf(ref, p)
			if err != nil {
				return 0, err
			}
			d.list = d.list || list
			if i := slices.Index(p.slots, s); i >= 0 {
				return i, nil
			}
			p.slots = append(p.slots, s)
			return len(p.slots) - 1, nil
		})
	}
	if err != nil {
		c.languageError(at, err)
	}
	return d
}

// slotOf resolves STAGE.COLUMN; list says that several values can stand there.
func (c *compiler) slotOf(ref eql.Ref, p *plan) (s slot, list bool, err error) {
	id, column, _ := strings.Cut(ref.Name, ".")
	s.stage = c.stageIndex(id)
	if s.stage < 0 || column == "" {
		return s, false, fmt.Errorf("details name STAGE.COLUMN; %q is no stage%s", id, didYouMean(id, c.stageIDs()))
	}
	if c.stages[s.stage].absent {
		return s, false, fmt.Errorf(noRow, id)
	}
	if ref.Func == "all" {
		return s, false, fmt.Errorf("all() has no meaning in details; write %s", ref.Name)
	}
	s.matched = ref.Func == "matched"
	stage := c.stages[s.stage]
	list = s.matched || !slices.Contains(p.by, id)
	switch {
	case column == "first" && !stage.declares(column):
		s.column = firstTime
	case column == "last" && !stage.declares(column):
		s.column = lastTime
	case stage.rowColumn(column):
		s.column = slices.Index(stage.rowColumns(), column)
	default:
		return s, false, fmt.Errorf("stage %s summarizes and has no column %q%s", id, column, didYouMean(column, stage.row))
	}
	if s.matched && s.column >= 0 {
		if err := stage.compileMatchers(column); err != nil {
			return s, false, err
		}
	}
	if g := stage.group; g != nil && s.column >= len(g.by) {
		list = list || g.aggregates[s.column-len(g.by)].isSet()
	}
	if g := stage.group; g != nil && g.window > 0 && (s.column < 0 || s.column >= len(g.by)) {
		list = true // the bursts of a day are one row to the alert's key
	}
	return s, list, nil
}

// declares reports whether the stage's view or its summarize names the column.
func (s *stage) declares(column string) bool {
	if s.group != nil {
		return slices.Contains(s.row, column)
	}
	return s.view != nil && slices.Contains(s.view.declared, column)
}

// rowColumns are the columns of a row as far as they are known while compiling.
func (s *stage) rowColumns() []string {
	if s.group != nil {
		return s.row
	}
	return s.columns
}
