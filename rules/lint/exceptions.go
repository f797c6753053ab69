package lint

import (
	"fmt"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/rules"
)

// soon is how long before its end an exception is spoken of.
const soon = 14 * 24 * time.Hour

func exceptions(set *rules.Set, now time.Time) []Finding {
	var all []Finding
	for _, e := range set.Exceptions {
		find := func(code, reason, mend string) {
			all = append(all, Finding{
				Code: code, File: e.File, Line: e.Line, RuleID: strings.Join(e.Rules, ", "), Rule: "exception of " + e.Owner, Reason: reason, Mend: mend,
			})
		}
		switch left := e.Expires.Sub(now); {
		case e.Expires.IsZero():
			find("exception-endless", "it never expires", "add expires = a date on which someone looks at it again")
		case left <= 0:
			find("exception-expired", "it expired on "+e.Expires.Format(time.DateOnly), "take it out, or renew it")
		case left <= soon:
			find("exception-expired", "it expires on "+e.Expires.Format(time.DateOnly), "take it out, or renew it")
		}
		for _, id := range e.Rules {
			if id != "*" && set.ByID(id) == nil {
				find("exception-idle", fmt.Sprintf("there is no rule %s", id), "correct the id, or take it out")
			}
		}
	}
	return all
}
