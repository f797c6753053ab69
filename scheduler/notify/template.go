package notify

import (
	"fmt"
	"strings"
	"text/template"
	"time"
)

// The messages of a route that says nothing else.
const (
	defaultTitle = `{{if ne .Kind "created"}}{{.Kind}}: {{end}}{{.Severity}}: {{.Rule}}`
	defaultText  = `{{.Reason}}
{{range .Details}}{{.Name}}: {{.Text}}
{{end}}{{with .Stages}}{{range $i, $s := .}}{{if $i}}, {{end}}{{$s.Name}} {{$s.Count}}{{end}}, from {{time $.Start}} to {{time $.End}}
{{end}}severity {{.Severity}}, risk {{.RiskScore}}, alert {{.ID}}`
)

// words makes the messages of a route.
type words struct {
	title, text *template.Template
	// What the service makes of either.
	titleMarkup, textMarkup markup
}

// parseTemplate reads a template and tries it on an alert that has nothing in
// its lists, and on one that has.
func parseTemplate(name, text string) (*template.Template, error) {
	t, err := template.New(name).Funcs(template.FuncMap{
		"join": func(list []string) string { return Pair{Values: list}.Text() },
		"time": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	}).Parse(text)
	if err != nil {
		return nil, err
	}
	full := sample(time.Unix(0, 0))
	full.Users, full.Hosts, full.Addresses, full.Weak = []string{"u"}, []string{"h"}, []string{"192.0.2.1"}, []string{"w"}
	full.Key, full.Details, full.Stages = []Pair{{"k", []string{"v"}}}, []Pair{{"d", []string{"v"}}}, []Stage{{"s", 1}}
	for _, a := range []Alert{sample(time.Unix(0, 0)), full} {
		if err := t.Execute(new(strings.Builder), a); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Message is one alert for one route.
type Message struct {
	Key   string // the same whenever the message is sent again
	Title string // one line
	Text  string
	Alert Alert // as it is stored
}

// message writes an alert down. The texts of the alert are harmless in it; what
// the template says itself is the operator's.
func (w words) message(key string, a Alert) (Message, error) {
	var title, text strings.Builder
	if err := w.title.Execute(&title, a.neutral(w.titleMarkup)); err != nil {
		return Message{}, fmt.Errorf("write title: %w", err)
	}
	if err := w.text.Execute(&text, a.neutral(w.textMarkup)); err != nil {
		return Message{}, fmt.Errorf("write message: %w", err)
	}
	return Message{
		Key: key, Title: cut(oneLine(title.String()), maxTitle), Text: cut(strings.TrimSpace(text.String()), maxText), Alert: a,
	}, nil
}

// template reads a template of the file, or the one that holds without.
func (l *loader) template(path []string, text, otherwise string) *template.Template {
	name := path[len(path)-1]
	if text == "" {
		text = otherwise
	}
	t, err := parseTemplate(name, text)
	if err != nil {
		l.file.Problem(path, "%s: %s", name, strings.TrimPrefix(err.Error(), "template: "))
	}
	return t
}
