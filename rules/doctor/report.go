package doctor

import "time"

// Report is what was found, as plain data. Counts are of documents whose event
// time is in [From, At).
type Report struct {
	From  time.Time     `json:"from"`
	At    time.Time     `json:"at"`
	Clock *Clock        `json:"clock,omitempty"` // nil where the engine does not tell
	Own   []OwnIndex    `json:"own_indices,omitempty"`
	Rules []RuleFinding `json:"rules"`
	Notes []string      `json:"notes,omitempty"` // of the cluster as a whole
}

// Fires reports whether every rule can fire.
func (r *Report) Fires() bool {
	for _, f := range r.Rules {
		if !f.Fires {
			return false
		}
	}
	return true
}

// Clock is what the cluster's clock shows beyond ours.
type Clock struct {
	Ahead Duration `json:"ahead"` // negative: it is behind
	Give  Duration `json:"give"`  // how exact that is, either way
}

// OwnIndex is an index that a run writes to, and what the user may not do there.
type OwnIndex struct {
	Name    string   `json:"name"`
	Missing []string `json:"missing_privileges,omitempty"`
	// Refused is what the engine said when it was read, where rights cannot be
	// asked for.
	Refused string `json:"refused,omitempty"`
}

// RuleFinding is a rule's diagnosis.
type RuleFinding struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Fires bool   `json:"can_fire"`
	// Quiet are stages of a rule that can fire which had no event lately, and
	// why as far as that can be seen.
	Quiet   []Reason       `json:"quiet,omitempty"`
	Reasons []Reason       `json:"reasons,omitempty"` // why it cannot fire
	Stages  []StageFinding `json:"stages"`
	Joins   []JoinFinding  `json:"joins,omitempty"`
	// What the rule has, and what would do for what was seen; zero: unknown.
	Lateness       Duration `json:"lateness"`
	Settle         Duration `json:"settle"`
	AdviseLateness Duration `json:"advise_lateness,omitempty"`
	AdviseSettle   Duration `json:"advise_settle,omitempty"`
}

// Reason is why, and what to do. Stage and Source are "" where it is about the
// whole rule or stage.
type Reason struct {
	Stage  string `json:"stage,omitempty"`
	Source string `json:"source,omitempty"`
	Why    string `json:"why"`
	Do     string `json:"do,omitempty"`
}

// StageFinding is what feeds one stage.
type StageFinding struct {
	Stage   string          `json:"stage"`
	View    string          `json:"view,omitempty"`
	Absent  bool            `json:"absent,omitempty"`
	Works   bool            `json:"works"` // some source could bring an event
	Sources []SourceFinding `json:"sources"`
}

// SourceFinding is one source of one stage.
type SourceFinding struct {
	Source    string    `json:"source,omitempty"`
	Patterns  []Pattern `json:"patterns"`
	Works     bool      `json:"works"`
	Documents int64     `json:"documents"`
	// Last is the time of the newest document of the filter, whenever; zero if
	// there is none or it was not asked for.
	Last    time.Time `json:"last,omitzero"`
	Future  int64     `json:"future,omitempty"` // documents of the filter that happened after At
	Filter  []Step    `json:"filter"`
	Funnel  []Step    `json:"funnel"`
	Columns []Column  `json:"columns"`
	Arrival *Arrival  `json:"arrival,omitempty"` // nil where nothing arrived, or no field tells
	// Missing are privileges that the user lacks, by name and pattern.
	Missing []string `json:"missing_privileges,omitempty"`
	// Fails says that every run fails here, whatever other sources bring.
	Fails bool     `json:"fails,omitempty"`
	Why   []Reason `json:"why,omitempty"`   // why it does not work
	Notes []Reason `json:"notes,omitempty"` // what is wrong and does not stop it
}

// Filtered is how many documents pass the source's own filter.
func (s *SourceFinding) Filtered() int64 { return left(s.Filter, s.Documents) }

// Left is how many documents pass all conditions, as far as can be told.
func (s *SourceFinding) Left() int64 { return left(s.Funnel, s.Filtered()) }

func left(steps []Step, before int64) int64 {
	if len(steps) == 0 {
		return before
	}
	return steps[len(steps)-1].Left()
}

// Pattern is a name or pattern and the indices that it matches.
type Pattern struct {
	Pattern string  `json:"pattern"`
	Remote  string  `json:"remote,omitempty"` // the cluster it is on, where that is another
	Indices []Index `json:"indices"`
	Refused string  `json:"refused,omitempty"` // why it is not known what matches
}

// Index is an index as far as the user may see it.
type Index struct {
	Name      string   `json:"name"`
	Documents int64    `json:"documents"` // of all time; those that searches see
	State     []string `json:"state,omitempty"`
	Refresh   Duration `json:"refresh,omitempty"` // how often it becomes searchable anew; 0: not told
}

// The states of an index that matter, as [Index.State] has them.
const (
	Closed    = "closed" // searches pass over it
	Frozen    = "frozen" // searches skip it by default
	Mounted   = "searchable snapshot"
	Partially = "partially mounted" // slow to search
	Hidden    = "hidden"
)

// Step is a condition and what it leaves of what the steps before it left.
type Step struct {
	Condition string `json:"condition"`
	// Count is what the engine finds; more than pass, unless Exact.
	Count int64 `json:"count"`
	Exact bool  `json:"exact"`
	// Of the newest Sampled of them Passed are accepted by stitch, which decides
	// where the engine cannot.
	Sampled int64 `json:"sampled,omitempty"`
	Passed  int64 `json:"passed,omitempty"`
	Linked  bool  `json:"linked,omitempty"` // rows of another stage decide
	// Seen are the values most often found where the condition leaves nothing, by
	// field, and Elsewhere the fields that hold what it asks for in documents that
	// pass all other conditions.
	Seen      []Seen   `json:"seen,omitempty"`
	Elsewhere []string `json:"elsewhere,omitempty"`
	Wanted    string   `json:"wanted,omitempty"` // what they hold
}

// Left is how many documents pass, estimated where only a sample was decided.
func (s Step) Left() int64 {
	if s.Exact || s.Sampled == 0 {
		return s.Count
	}
	return (s.Count*s.Passed + s.Sampled - 1) / s.Sampled
}

// Seen is a field's values with how many of a sample have them.
type Seen struct {
	Field  string  `json:"field"`
	Of     int64   `json:"of"`
	Values []Value `json:"values"`
}

// Value is a value and how many documents have it.
type Value struct {
	Text  string `json:"text"`
	Count int64  `json:"count"`
}

// Column is what fills a column, of the Of newest documents of the filter. Where
// none of these has it, all were asked.
type Column struct {
	Name   string   `json:"name"`
	Uses   []string `json:"uses"`
	Never  bool     `json:"never,omitempty"` // the source says that it has none
	Filled int64    `json:"filled"`
	Of     int64    `json:"of"`
	Unsure bool     `json:"unsure,omitempty"` // none was seen, and the engine cannot be asked
	Fields []Field  `json:"fields,omitempty"`
}

// Field is a candidate for a column.
type Field struct {
	Name         string   `json:"name"`
	Filled       int64    `json:"filled"` // documents in which the column is from it
	Types        []string `json:"types"`  // none: no index maps it
	Searchable   bool     `json:"searchable"`
	Aggregatable bool     `json:"aggregatable"`
	// Conflict are the indices of each type, where there are several.
	Conflict map[string][]string `json:"conflict,omitempty"`
	Ignored  int64               `json:"ignored,omitempty"` // documents with a value that is not in the index
}

// Arrival is how long after they happened documents were ingested, of the Of
// that were ingested last.
type Arrival struct {
	Field    string   `json:"field"`
	Present  int64    `json:"present"` // of the Checked newest documents have it
	Checked  int64    `json:"checked"`
	Of       int64    `json:"of"`
	P50      Duration `json:"p50"`
	P99      Duration `json:"p99"`
	Most     Duration `json:"most"`
	Early    int64    `json:"early,omitempty"` // ingested before they happened
	Earliest Duration `json:"earliest,omitempty"`
	Ahead    int64    `json:"ahead,omitempty"` // ingested later than now
}

// JoinFinding is a condition between stages and who can fill its columns.
type JoinFinding struct {
	Stage    string     `json:"stage"`
	Text     string     `json:"text"`
	Possible bool       `json:"possible"` // for some choice of sources, by itself
	Sides    []JoinSide `json:"sides"`
}

// JoinSide is a column of a join, the sources that have a value in it, and those
// that do not, of the sources that work.
type JoinSide struct {
	Stage  string   `json:"stage"`
	Column string   `json:"column"`
	With   []string `json:"with"`
	Bare   []string `json:"without"`
}

// Duration is a stretch of time that is written as Go writes it: "1m30s".
type Duration time.Duration

// MarshalText writes the duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}
