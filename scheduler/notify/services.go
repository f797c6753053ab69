package notify

import (
	"net/url"
	"strings"
)

// about is what is known of a service of shoutrrr's.
type about struct {
	titled bool
	// markup is what the service makes of titles and texts, unless the key of the
	// URL that mode names says something else.
	markup markup
	mode   string
	bare   bool // a title is never markup
}

func (a about) texts(u *url.URL) markup {
	for key, values := range u.Query() {
		if a.mode == "" || !strings.EqualFold(key, a.mode) || len(values) == 0 {
			continue
		}
		switch strings.ToLower(values[0]) {
		case "html", "yes", "true", "1", "y":
			return hypertext
		case "markdown", "markdownv2":
			return markdown
		}
	}
	return a.markup
}

func (a about) titles(u *url.URL) markup {
	if a.bare {
		return plain
	}
	return a.texts(u)
}

// services are those of shoutrrr's that stitch sends by. Its logger is left out,
// since nobody would be told.
func services() map[string]about {
	return map[string]about{
		"bark":       {titled: true},
		"discord":    {titled: true, markup: markdown},
		"generic":    {titled: true},
		"googlechat": {markup: bracketed},
		"gotify":     {titled: true},
		"hangouts":   {markup: bracketed},
		"ifttt":      {titled: true},
		"join":       {titled: true},
		"lark":       {titled: true, markup: bracketed},
		"matrix":     {titled: true},
		"mattermost": {titled: true, markup: markdown},
		"mqtt":       {},
		"mqtts":      {},
		"notifiarr":  {markup: markdown},
		"ntfy":       {titled: true},
		"opsgenie":   {titled: true, markup: bracketed},
		"pagerduty":  {},
		"pushbullet": {titled: true},
		"pushover":   {titled: true},
		"rocketchat": {markup: markdown},
		"signal":     {},
		"slack":      {titled: true, markup: angled},
		"smtp":       {titled: true, mode: "usehtml", bare: true},
		"teams":      {titled: true, markup: markdown},
		"telegram":   {titled: true, mode: "parsemode", bare: true},
		"twilio":     {titled: true},
		"wecom":      {},
		"zulip":      {titled: true, markup: markdown},
	}
}
