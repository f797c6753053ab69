package page

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// pageDocuments is how many documents of a stage are listed on one page.
const pageDocuments = 100

// fewDocuments are shown without being asked for.
const fewDocuments = 10

// alertView is the page of one alert.
type alertView struct {
	*triage.Alert
	Timeline  timeline
	Documents []stageView
	Fields    []field // all others
	Loaded    bool    // whether its rule is
	Done      string
	Form      *form // nil where nothing can be done
}

// stageView is the documents of a stage, or as many as are on one page.
type stageView struct {
	Stage     mappings.Stage
	Number    int
	Documents []documentView
	// First and Last are the numbers of the documents that are shown, from 1;
	// Listed is how many the alert has.
	First, Last, Listed int
	Earlier, Later      int // where the pages beside it begin; negative if there is none
	Open                bool
}

// documentView is a document with its place in its stage, from 0.
type documentView struct {
	mappings.Document
	Number int
}

func (p *Page) alert(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	a, err := p.o.Alerts.Get(r.Context(), id)
	if err != nil {
		return err
	}
	if a.ID == "" { // someone has garbled it
		a.ID = id
	}
	for _, s := range a.Chain {
		slices.SortStableFunc(s.Documents, func(a, b mappings.Document) int { return a.Time.Compare(b.Time) })
	}
	v := alertView{
		Alert: a, Timeline: draw(a.Chain, a.Start, a.End, a.Anchor),
		Loaded: p.o.Rules().ByID(a.RuleID) != nil, Done: done(a, r.URL.Query().Get("done")),
	}
	if v.Fields, err = fields(a.Raw); err != nil {
		return err
	}
	stage, _ := strconv.Atoi(r.URL.Query().Get("s"))
	number, _ := strconv.Atoi(r.URL.Query().Get("n"))
	for i, s := range a.Chain {
		from := 0
		if i == stage {
			from = number
		}
		page := pageOf(i, s, from)
		page.Open = page.Listed <= fewDocuments || i == stage && r.URL.Query().Has("s")
		v.Documents = append(v.Documents, page)
	}
	for i := range v.Timeline.Lanes {
		v.Timeline.Lanes[i].link(v.Documents[i])
	}
	if p.o.Act != nil {
		v.Form = p.form(w, r, a)
	}
	return p.render(w, r, http.StatusOK, "alert", a.RuleName, v)
}

// done says that something was done, if it was the last thing.
func done(a *triage.Alert, what string) string {
	if h := a.Triage.History; len(h) == 0 || h[len(h)-1].Kind != what {
		return ""
	}
	return doneWords()[what]
}

// pageOf is the page of a stage's documents that has the one with a number.
func pageOf(number int, s mappings.Stage, document int) stageView {
	listed := len(s.Documents)
	if document < 0 || document >= listed {
		document = 0
	}
	from := document / pageDocuments * pageDocuments
	to := min(from+pageDocuments, listed)
	v := stageView{Stage: s, Number: number, First: from + 1, Last: to, Listed: listed, Earlier: from - pageDocuments, Later: -1}
	if to < listed {
		v.Later = to
	}
	for i, d := range s.Documents[from:to] {
		v.Documents = append(v.Documents, documentView{d, from + i})
	}
	return v
}

// link says of each mark where its first document is listed.
func (l *lane) link(shown stageView) {
	for i := range l.Marks {
		m := &l.Marks[i]
		place := strconv.Itoa(l.Number) + "-" + strconv.Itoa(m.First)
		m.Href = "#d-" + place
		if m.First < shown.First-1 || m.First >= shown.Last {
			m.Href = "?s=" + strconv.Itoa(l.Number) + "&n=" + strconv.Itoa(m.First) + m.Href
		}
	}
}
