package ruletest

// fileSpec is what a test file says.
type fileSpec struct {
	Start    any            `toml:"start"`
	Run      string         `toml:"run"`
	Events   map[string]any `toml:"event"` // by name: what tests build on
	Harmless []harmlessSpec `toml:"harmless"`
	Tests    []testSpec     `toml:"test"`
}

// harmlessSpec is a mutation that changes nothing the rule is about.
type harmlessSpec struct {
	Mutation string `toml:"mutation"`
	Reason   string `toml:"reason"`
}

// testSpec is one [[test]].
type testSpec struct {
	Name     string           `toml:"name"`
	Start    any              `toml:"start"`
	Run      string           `toml:"run"`
	Events   []string         `toml:"events"`
	Event    []map[string]any `toml:"event"`
	Alerts   *int             `toml:"alerts"`
	Expected []map[string]any `toml:"alert"`
}

// The keys of an event that are not columns.
const (
	keyLike     = "like"
	keyID       = "id"
	keyView     = "view"
	keySource   = "source"
	keyIndex    = "index"
	keyAt       = "at"
	keyArrives  = "arrives"
	keyRepeat   = "repeat"
	keyEvery    = "every"
	keyWithout  = "without"
	keyDocument = "document"
)
