package test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stitchdetect/stitch/rules"
	"github.com/stitchdetect/stitch/rules/explain"
)

const (
	byEvent = "8a30d849-6e54-41a0-9cbb-d8f055b4dd19"
	byGroup = "6267ce44-1e9d-471b-9f1e-ae76a6b7aa84"
)

// nearMiss is a scenario in which a rule does not fire for Anna, and why.
type nearMiss struct {
	scenario, rule string
	failed         []string // what fails of the chain that lacks least
	missing        []string // its stages without a row
	documents      []string // of what failed, INDEX/ID without the index
}

func nearMisses() []nearMiss {
	return []nearMiss{
		{"copy-over-a-day-after", byEvent, []string{"copy is 24h1ms after alert, within 24h"}, nil, []string{"c1"}},
		{"download-over-a-day-before", byEvent, []string{"alert is 24h1ms after download, within 24h"}, nil, []string{"a1"}},
		{"mount-over-seven-days-before", byEvent, []string{"the chain lasts 7d1ms, at most 7d", "copy is 7d1ms after mount, within 7d"}, nil, []string{"c1"}},
		{"a-millisecond-too-late", byEvent, []string{"alert is 1ms before download, and must come after it"}, nil, []string{"a1"}},
		{"copy-before-alert-only", byEvent, []string{"copy is 10m before alert, and must come after it"}, nil, []string{"c1"}},
		{"mount-after-copy", byEvent, []string{"copy is 10m before mount, and must come after it"}, nil, []string{"c1"}},
		{"alert-resolved", byEvent, []string{"alert: alert.status is Resolved"}, nil, []string{"a1"}},
		{"alert-resolved", byGroup, []string{"alert: alert.status is Resolved"}, nil, []string{"a1"}},
		{"alert-dismissed", byEvent, []string{"alert: alert.status is Dismissed"}, nil, []string{"a1"}},
		{"alert-of-another-policy", byEvent, []string{"alert: rule.name is Mass delete by a single user"}, nil, nil},
		{"download-by-sync-client", byEvent, []string{"download: event.action is FileSyncDownloadedFull"}, nil, []string{"d1"}},
		{"copy-other-normal-form", byEvent, []string{"file.name of copy differs at character 2: U+0065 U+0301 are two characters here and U+00E9 one there: " +
			"copy.file.name is Re\u0301sume\u0301.docx, download.file.name is Résumé.docx"}, nil, []string{"c1"}},
		{"account-name-other-case", byGroup, []string{"user.email of copy differs only in the case of letters: " +
			"copy.user.email is Anna.Lindqvist@Nordwind.example, download.user.email is anna.lindqvist@nordwind.example"}, nil, []string{"c1"}},
		{"address-ipv6-spelling", byGroup, []string{"source.address of alert differs only in how the address is spelled: " +
			"alert.source.address is 2001:DB8::A, download.source.address is 2001:db8:0:0:0:0:0:a"}, nil, []string{"a1"}},
		{"mount-on-another-machine", byEvent, []string{"another host.id: copy.host.id is c622c211f20338009c9289c54230c387bd1e396c, " +
			"mount.host.id is c73d89b937cc97ab95371874fd578d0292d67357"}, nil, []string{"c1"}},
		{"elastic-defend-mount-defender-copy", byEvent, []string{"another host.id: copy.host.id is c622c211f20338009c9289c54230c387bd1e396c, " +
			"mount.host.id is 0608c405-4662-4d90-8e13-14f7e450e3ea (sources m365_defender and endpoint)"}, nil, []string{"c1"}},
		{"copy-by-another-user", byEvent, []string{"copy.user.email is bela.horvath@nordwind.example, download.user.email is anna.lindqvist@nordwind.example, " +
			"copy.user.id is bf99d42c-cf86-487b-8322-d11bcd23f174, download.user.id is 795c76d3-d3b9-43d2-8b81-962c68c56a4b"}, nil, []string{"c1"}},
		{"copy-without-account-name", byGroup, []string{"copy.user.email has no value (source m365_defender), " +
			"download.user.email is anna.lindqvist@nordwind.example"}, nil, []string{"c1"}},
		{"elastic-defend-copy", byEvent, []string{"copy.user.email has no value, source endpoint never has one, " +
			"download.user.email is anna.lindqvist@nordwind.example, " +
			"copy.user.id has no value (source endpoint), download.user.id is 795c76d3-d3b9-43d2-8b81-962c68c56a4b"}, nil, []string{"c1"}},
		{"download-from-another-address", byEvent, []string{"another source.ip: alert.source.ip is 203.0.113.43, download.source.ip is 198.51.100.77" +
			" (sources microsoft_sentinel and m365_defender)"}, nil, []string{"a1"}},
		{"copy-to-another-letter", byEvent, []string{`copy.file.path E:\out\Keel plates.xlsx does not begin with mount.volume.root F:\, ` +
			"not even in its first character"}, nil, []string{"c1"}},
		{"mount-letter-only-begins-alike", byEvent, []string{`copy.file.path C:\mnt\usb-notes\Keel plates.xlsx does not begin with ` +
			`mount.volume.root C:\mnt\usb\, only in its first 10 characters`}, nil, []string{"c1"}},
		{"download-only", byEvent, []string{}, []string{"alert"}, nil},
		{"over-midnight", byGroup, []string{"the chain from 2026-03-10T23:40:00Z to 2026-03-11T00:10:00Z is not inside the window " +
			"2026-03-10T00:00:00Z to 2026-03-11T00:00:00Z"}, nil, nil},
		{"download-as-archive", byGroup, []string{"copy: file.name is Keel plates.xlsx, not one of download.files"}, nil, []string{"c1"}},
	}
}

// TestWhyNotScenarios asks of scenarios whose cause is known what it is.
func TestWhyNotScenarios(t *testing.T) {
	t.Parallel()
	shipped, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, miss := range nearMisses() {
		t.Run(miss.scenario+"/"+miss.rule[:4], func(t *testing.T) {
			s := scenarioOf(t, miss.scenario)
			a := askWhyNot(t, s, shipped.ByID(miss.rule), "user")
			if len(a.Alerts) > 0 || len(a.Near) == 0 {
				t.Fatalf("alerts %v, verdict %s", a.Alerts, a.Verdict)
			}
			near := a.Near[0]
			failed, documents := []string{}, []string(nil)
			for _, f := range near.Failed {
				failed = append(failed, f.Why)
				for _, d := range f.Documents {
					documents = append(documents, d.ID)
				}
			}
			if diff := cmp.Diff(miss.failed, failed); diff != "" {
				t.Errorf("failed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(miss.missing, near.Missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
			if miss.documents != nil {
				if diff := cmp.Diff(miss.documents, documents); diff != "" {
					t.Errorf("documents (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func scenarioOf(t *testing.T, name string) scenario {
	t.Helper()
	for _, s := range readScenarios(t) {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no scenario %s", name)
	return scenario{}
}

const anna = "anna.lindqvist@nordwind.example"

func askWhyNot(t *testing.T, s scenario, r *rules.Rule, column string) *explain.Answer {
	t.Helper()
	// The scenarios play on the last day but one, or on the only one.
	at := s.To.AddDate(0, 0, -1)
	if at.After(s.From) && s.name != "mount-over-seven-days-before" && s.name != "download-over-a-day-before" {
		at = s.From
	}
	a, err := explain.WhyNot(t.Context(), s.embedded(t), r, explain.Question{
		Keys: []rules.Sought{{Name: column, Value: anna}}, At: at.Add(10 * 3600e9),
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestWhyNotOfEveryScenario holds what is said against what must come out: it
// fires for Anna only where the scenario has an alert of the rule, and where it
// does not, something has failed.
func TestWhyNotOfEveryScenario(t *testing.T) {
	t.Parallel()
	shipped, err := rules.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range readScenarios(t) {
		for _, id := range []string{byEvent, byGroup} {
			if !slices.Contains(s.Rules, id) {
				continue
			}
			t.Run(s.name+"/"+id[:4], func(t *testing.T) {
				a := askWhyNot(t, s, shipped.ByID(id), "user.email")
				wanted := slices.ContainsFunc(s.expected(t), func(e expected) bool { return e.Rule == id })
				switch {
				case len(a.Alerts) > 0 && !wanted:
					t.Errorf("it is said to fire, and there is no alert of the rule")
				case len(a.Alerts) > 0:
					if !strings.HasPrefix(a.Verdict, "it fires: alert "+a.Alerts[0].ID) {
						t.Errorf("an alert, and the verdict %q", a.Verdict)
					}
				case len(a.Near) == 0:
					if !strings.Contains(a.Verdict, "no document of any stage") {
						t.Errorf("nothing near, and the verdict %q", a.Verdict)
					}
				default:
					if len(a.Near[0].Failed)+len(a.Near[0].Missing) == 0 {
						t.Errorf("nothing failed, and no alert: %q", a.Verdict)
					}
				}
			})
		}
	}
}
