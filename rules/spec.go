package rules

// ruleFile is what a rule's file says, key by key: Elastic's detection-rules
// schema, and chains in it. The order of the fields, here and below, is the
// canonical order of the keys.
type ruleFile struct {
	Metadata  metadataSpec `toml:"metadata"`
	Rule      ruleSpec     `toml:"rule"`
	Transform any          `toml:"transform"` // Elastic's investigation guides: for Kibana only
}

type metadataSpec struct {
	CreationDate          any    `toml:"creation_date"`
	DeprecationDate       any    `toml:"deprecation_date"`
	Integration           any    `toml:"integration"`
	Maturity              string `toml:"maturity"`
	UpdatedDate           any    `toml:"updated_date"`
	MinStackVersion       string `toml:"min_stack_version"`
	MinStackComments      string `toml:"min_stack_comments"`
	Promotion             bool   `toml:"promotion"`
	BypassBBRTiming       bool   `toml:"bypass_bbr_timing"`
	OSTypeList            any    `toml:"os_type_list"`
	QuerySchemaValidation bool   `toml:"query_schema_validation"`
	ExtendedDescription   string `toml:"extended_description"`
}

type ruleSpec struct {
	RuleID      string   `toml:"rule_id"`
	Name        string   `toml:"name"`
	Description string   `toml:"description"`
	Author      []string `toml:"author"`
	License     string   `toml:"license"`
	Version     int      `toml:"version"`
	Enabled     *bool    `toml:"enabled"`
	Type        string   `toml:"type"`
	Language    string   `toml:"language"`
	Index       []string `toml:"index"`
	Schedule    string   `toml:"schedule"`
	Interval    string   `toml:"interval"`
	From        string   `toml:"from"`
	To          string   `toml:"to"`
	MaxSpan     string   `toml:"maxspan"`
	Lateness    string   `toml:"lateness"`
	Settle      string   `toml:"settle"`
	MaxRows     *int     `toml:"max_rows"`
	UserMap     *bool    `toml:"user_map"`

	presentationSpec
	unsupportedSpec

	Severity       string   `toml:"severity"`
	RiskScore      int      `toml:"risk_score"`
	Tags           []string `toml:"tags"`
	References     []string `toml:"references"`
	FalsePositives []string `toml:"false_positives"`
	Note           string   `toml:"note"`
	Setup          string   `toml:"setup"`
	Query          *string  `toml:"query"`

	Stages           []stageSpec      `toml:"stage"`
	Alert            alertSpec        `toml:"alert"`
	AlertSuppression *suppressionSpec `toml:"alert_suppression"`
	Threat           []Threat         `toml:"threat"`

	Lint map[string]any `toml:"lint"` // warnings that are silenced, each with the reason
}

// presentationSpec holds Elastic's keys that change how Kibana shows or routes
// an alert, never whether there is one.
type presentationSpec struct {
	TimestampOverride   string `toml:"timestamp_override"` // stitch selects by the ingest field as it is
	TimestampFallback   any    `toml:"timestamp_override_fallback_disabled"`
	BuildingBlockType   string `toml:"building_block_type"`
	MaxSignals          int    `toml:"max_signals"` // stitch loses no alert to a limit
	Actions             any    `toml:"actions"`
	Throttle            string `toml:"throttle"`
	TimelineID          string `toml:"timeline_id"`
	TimelineTitle       string `toml:"timeline_title"`
	InvestigationFields any    `toml:"investigation_fields"`
	RelatedIntegrations any    `toml:"related_integrations"`
	RequiredFields      any    `toml:"required_fields"`
	RiskScoreMapping    any    `toml:"risk_score_mapping"`
	SeverityMapping     any    `toml:"severity_mapping"`
	RuleNameOverride    string `toml:"rule_name_override"`
	OutputIndex         string `toml:"output_index"`
	Namespace           string `toml:"namespace"`
	Meta                any    `toml:"meta"`
}

// unsupportedSpec holds Elastic's keys that change which alerts there are, and
// which stitch does not know how to honour: a rule that has one is refused.
type unsupportedSpec struct {
	Filters        any    `toml:"filters"`
	ExceptionsList any    `toml:"exceptions_list"`
	Threshold      any    `toml:"threshold"`
	NewTerms       any    `toml:"new_terms"`
	DataViewID     string `toml:"data_view_id"`
	SavedID        string `toml:"saved_id"`
}

type stageSpec struct {
	ID        string         `toml:"id"`
	Index     []string       `toml:"index"`
	After     any            `toml:"after"`
	Within    string         `toml:"within"`
	Pick      string         `toml:"pick"`
	Absent    bool           `toml:"absent"`
	Query     string         `toml:"query"`
	Join      string         `toml:"join"`
	Summarize map[string]any `toml:"summarize"`
}

type alertSpec struct {
	Anchor   string           `toml:"anchor"`
	By       []string         `toml:"by"`
	Details  map[string]any   `toml:"details"`
	Entities []map[string]any `toml:"entity"`
}

// viewFile is what a view's file says.
type viewFile struct {
	Description string       `toml:"description"`
	Identity    []string     `toml:"identity"`
	Sources     []sourceSpec `toml:"source"`
}

type sourceSpec struct {
	Name    string         `toml:"name"`
	Index   []string       `toml:"index"`
	Filter  string         `toml:"filter"`
	Time    string         `toml:"time"`
	Ingest  *string        `toml:"ingest"`
	Columns map[string]any `toml:"columns"`
	Parts   []partSpec     `toml:"part"`
}

// partSpec is a source's [[source.part]]; it has a source's keys, but no name
// and no parts.
type partSpec struct {
	On      string         `toml:"on"`
	Within  string         `toml:"within"`
	Index   []string       `toml:"index"`
	Filter  string         `toml:"filter"`
	Time    string         `toml:"time"`
	Ingest  *string        `toml:"ingest"`
	Columns map[string]any `toml:"columns"`
}

// columnSpec is a column written as a table.
type columnSpec struct {
	From   any            `toml:"from"`
	Domain string         `toml:"domain"` // the field with the domain of accounts that are names alone
	As     string         `toml:"as"`
	Where  map[string]any `toml:"where"`
	Map    map[string]any `toml:"map"`
	JSON   any            `toml:"json"`
	Weak   string         `toml:"weak"`
	Single bool           `toml:"single"` // of several values the first alone counts
}
