package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
	"github.com/stitchdetect/stitch/scheduler/triage"
)

// problem is an error as the reader sees it.
type problem struct {
	Status int
	Title  string
	Next   string // what to do
	Detail string // the error's own words
}

func (p *problem) Error() string { return p.Title }

// nowhere answers for what is not there.
func nowhere(http.ResponseWriter, *http.Request) error {
	return &problem{Status: http.StatusNotFound, Title: "There is no such page", Next: "Go to the alerts, or to the rules."}
}

// wrongMethod answers for what only reads.
func wrongMethod(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Allow", "GET, HEAD")
	return &problem{Status: http.StatusMethodNotAllowed, Title: "Nothing can be written here", Next: "Go to the alerts."}
}

func noAlert(id string) *problem {
	return &problem{
		Status: http.StatusNotFound, Title: "There is no alert " + fit(plain(id), 80),
		Next: "It may have been deleted, or its index been retired. Go to the alerts.",
	}
}

func noRule(id string) error {
	return &problem{
		Status: http.StatusNotFound, Title: "No rule " + fit(plain(id), 80) + " is loaded",
		Next: "It may have been removed since; its alerts stay. Go to the rules.",
	}
}

func badRequest(format string, args ...any) error {
	return &problem{Status: http.StatusBadRequest, Title: fmt.Sprintf(format, args...), Next: "Go back and mend it."}
}

// problemOf says what an error means to the reader.
func problemOf(err error) *problem {
	var known *problem
	var unknown *triage.UnknownError
	var unfit *mappings.ActionError
	var invalid *triage.InvalidError
	var unsure *triage.UnsureError
	var unreachable *esq.UnreachableError
	var partial *esq.PartialError
	var refused *esq.ResponseError
	detail := err.Error()
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &unknown):
		return noAlert(unknown.ID)
	case errors.As(err, &unfit):
		return &problem{http.StatusConflict, "Somebody was faster: " + plain(unfit.Reason), "Nothing was written. Go back to the alert, load it again, and look at its history.", ""}
	case errors.As(err, &invalid):
		return &problem{http.StatusBadRequest, "Not written: " + plain(invalid.Error()), "Go back and mend it.", ""}
	case errors.As(err, &unsure):
		return &problem{http.StatusServiceUnavailable, "It is not known whether it was written",
			"Send the form again: load this page again and let the browser send it. It is done once, however often it is sent.", detail}
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{http.StatusServiceUnavailable, "The cluster did not answer in time",
			"Try again. If that does not help, narrow the filter, and look at the load of the cluster.", detail}
	case errors.As(err, &unreachable):
		return &problem{http.StatusServiceUnavailable, "The cluster cannot be reached",
			"Nothing is lost: rules catch up when it is back. See that its nodes run and that their address is right (stitch doctor), then load this page again.", detail}
	case esq.Refused(err):
		return &problem{http.StatusServiceUnavailable, "The cluster refuses the user of this page",
			"See that the password or API key is right, and that its role may read the alerts (stitch bootstrap --print-roles).", detail}
	case errors.As(err, &partial):
		return &problem{http.StatusServiceUnavailable, "The cluster could answer in part only",
			"Some of its shards are away. See the health of the cluster, then load this page again.", detail}
	case errors.As(err, &refused) && (refused.Status >= 500 || refused.Status == http.StatusTooManyRequests):
		return &problem{http.StatusServiceUnavailable, "The cluster has trouble", "See the health of the cluster, then load this page again.", detail}
	}
	return &problem{http.StatusInternalServerError, "This page could not be made", "Load it again; if that does not help, the log of stitch has more.", detail}
}

// fail answers with an error. A reader who has gone is answered nothing.
func (p *Page) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	what := problemOf(err)
	if what.Status >= http.StatusInternalServerError {
		p.log.Error("page: no answer", "path", r.URL.Path, "status", what.Status, "err", err)
	}
	if what.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "10")
	}
	if err := p.render(w, r, what.Status, "problem", what.Title, what); err != nil {
		p.log.Error("page: no answer", "path", r.URL.Path, "err", err)
		http.Error(w, what.Title, what.Status)
	}
}
