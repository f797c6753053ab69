package esq

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Secret is a text that is used and never shown: printed, logged or written as
// JSON it is xxxxx, or nothing if it is empty.
type Secret string

// String hides the text.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the text.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// LogValue hides the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

const hidden = "xxxxx"

// secrets are the words that no message may hold.
type secrets struct {
	fixed []string

	mu     sync.Mutex
	recent []string // of the requests that were signed last
}

// maxRecent bounds how many words of signatures are kept: a few for each request
// that may be under way.
const maxRecent = 256

// newSecrets hides these words, however they are spelled on their way to an
// engine and back. Short ones would make every text unreadable.
func newSecrets(words ...string) *secrets {
	s := &secrets{}
	for _, word := range words {
		for _, spelling := range spellings(word) {
			if len(spelling) >= 4 {
				s.fixed = append(s.fixed, spelling)
			}
		}
	}
	return s
}

func spellings(word string) []string {
	list := []string{word, url.QueryEscape(word), url.PathEscape(word), strings.Trim(strconv.Quote(word), `"`)}
	if text, err := json.Marshal(word); err == nil {
		list = append(list, string(text[1:len(text)-1]))
	}
	if text, err := marshal(word); err == nil {
		list = append(list, strings.Trim(string(text), "\"\n"))
	}
	return list
}

// keyWords are the words of an API key: it is the base64 of an id and the key.
func keyWords(key Secret) []string {
	words := []string{string(key)}
	plain, err := base64.StdEncoding.DecodeString(string(key))
	if _, secret, ok := strings.Cut(string(plain), ":"); err == nil && ok {
		words = append(words, secret)
	}
	return words
}

// note adds words that only some requests bear.
func (s *secrets) note(words ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, word := range words {
		if len(word) >= 4 {
			s.recent = append(s.recent, word)
		}
	}
	s.recent = s.recent[max(0, len(s.recent)-maxRecent):]
}

// userinfo finds the credentials in a URL, and rather too much than too little.
var userinfo = regexp.MustCompile(`(\w://)[^\s"]*@`)

// credentials finds what follows the name of a way to prove who one is.
var credentials = regexp.MustCompile(`(?i)\b(Basic|ApiKey|Bearer|Signature=|X-Amz-Security-Token[:=]) *[\w+/=.~%-]{8,}`)

// scrub returns the text without the secrets in it.
func (s *secrets) scrub(text string) string {
	s.mu.Lock()
	recent := s.recent
	s.mu.Unlock()
	for _, words := range [][]string{s.fixed, recent} {
		for _, word := range words {
			text = strings.ReplaceAll(text, word, hidden)
		}
	}
	text = userinfo.ReplaceAllString(text, "${1}"+hidden+"@")
	return credentials.ReplaceAllString(text, "$1 "+hidden)
}

// in hides the secrets in an engine's error.
func (s *secrets) in(c *cause) {
	if c == nil {
		return
	}
	c.Type, c.Reason, c.Index = s.scrub(c.Type), s.scrub(c.Reason), s.scrub(c.Index)
	s.in(c.CausedBy)
	for i := range c.RootCause {
		s.in(&c.RootCause[i])
	}
	for _, f := range c.FailedShards {
		s.in(f.Reason)
	}
}
