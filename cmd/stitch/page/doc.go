// Package page is stitch in a browser: the alerts, each of them as a picture,
// the rules with what is covered, and a rule's plan. [New] makes an
// [net/http.Handler] of it.
//
// # What it may
//
// It reads. Only with [Options.Triage] are there forms, and only they write:
// a POST that comes from the page itself, with the token of the reader's
// cookie, and with an id of its own, so that sending it twice does it once.
//
// # What it trusts
//
// Nothing that comes out of data. Every text is escaped where it stands, a
// character that does not show itself gets a sign, and only addresses of the web
// become links. Even if one slipped through, a browser would not run it: the
// Content-Security-Policy of every answer allows no script and no style but the
// two files of this package, and no request elsewhere.
//
// # What it needs
//
// A browser; no script. With the script marks of the timeline are walked with
// the arrow keys, what lies behind one is shown beside it, and times have the
// reader's own time in their titles.
package page
