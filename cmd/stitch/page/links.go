package page

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Links says where documents can be looked at. Either setting may be empty, is
// the address of an installation ("https://kibana.example:5601/s/soc"), or is
// the address of a document with {index}, {id} and {time} in the place of its
// index, _id and time.
type Links struct {
	Kibana     string
	Dashboards string // OpenSearch Dashboards
}

// link is a place where a document can be looked at.
type link struct{ Name, URL string }

// Check reports a setting that is not the address of a page.
func (l Links) Check() error {
	for _, setting := range []struct{ name, text string }{{"kibana_url", l.Kibana}, {"dashboards_url", l.Dashboards}} {
		if setting.text == "" {
			continue
		}
		filled := placed(setting.text, "x", "x", time.Time{})
		if strings.ContainsAny(filled, "{}") {
			return fmt.Errorf("%s may have {index}, {id} and {time} in it, and no other braces", setting.name)
		}
		u, err := url.Parse(filled)
		if err != nil || u.Host == "" || !isWeb(u) || u.User != nil {
			return fmt.Errorf("%s must be an address such as https://kibana.example:5601, without a user", setting.name)
		}
	}
	return nil
}

// to returns the links to a document.
func (l Links) to(index, id string, at time.Time) []link {
	var list []link
	if index == "" || id == "" {
		return list
	}
	if l.Kibana != "" {
		list = append(list, link{"Kibana", address(l.Kibana, index, id, at, kibana)})
	}
	if l.Dashboards != "" {
		list = append(list, link{"Dashboards", address(l.Dashboards, index, id, at, dashboards)})
	}
	return list
}

// address fills a setting in, or asks the installation that it names for
// Discover.
func address(setting, index, id string, at time.Time, discover func(index, query, from, to string) string) string {
	if strings.ContainsAny(setting, "{}") {
		return placed(setting, index, id, at)
	}
	query := "_id:" + quoted(id, `\`) + " and _index:" + quoted(index, `\`)
	from, to := instant(at.Add(-time.Minute)), instant(at.Add(time.Minute))
	if at.IsZero() {
		from, to = "now-30d", "now"
	}
	return strings.TrimRight(setting, "/") + discover(index, query, from, to)
}

func placed(setting, index, id string, at time.Time) string {
	return strings.NewReplacer(
		"{index}", component(index), "{id}", component(id), "{time}", component(instant(at)),
	).Replace(setting)
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// component escapes text for any part of an address: nothing of it is a
// delimiter there.
func component(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

// quoted is a phrase of Kibana's query language.
func quoted(text, escape string) string {
	return `"` + strings.NewReplacer(escape, escape+escape, `"`, escape+`"`).Replace(text) + `"`
}

// kibana is Kibana's address for whoever knows an index and no data view
// (8.5 and newer): Discover is named by its locator, which takes a data view
// that is not stored.
func kibana(index, query, from, to string) string {
	params, err := json.Marshal(map[string]any{
		"dataViewSpec": map[string]any{"title": index, "timeFieldName": "@timestamp", "allowNoIndex": true},
		"query":        map[string]any{"language": "kuery", "query": query},
		"timeRange":    map[string]any{"from": from, "to": to},
		"columns":      []string{},
		"filters":      []any{},
	})
	if err != nil { // texts alone
		return ""
	}
	return "/app/r?l=DISCOVER_APP_LOCATOR&v=8.5.0&p=" + component(string(params))
}

// dashboards is the address of Discover in OpenSearch Dashboards, which shows
// the default index pattern.
func dashboards(_, query, from, to string) string {
	return "/app/discover#/?_g=" + component("(time:(from:"+rison(from)+",to:"+rison(to)+"))") +
		"&_a=" + component("(columns:!(_source),query:(language:kuery,query:"+rison(query)+"))")
}

// rison is a text in the notation of these addresses.
func rison(text string) string {
	return "'" + strings.NewReplacer("!", "!!", "'", "!'").Replace(text) + "'"
}

// web returns the address that a text is, if a browser may follow it.
func web(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !isWeb(u) {
		return ""
	}
	return u.String()
}

func isWeb(u *url.URL) bool { return u.Scheme == "https" || u.Scheme == "http" }
