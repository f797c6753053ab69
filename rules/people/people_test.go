package people

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stitchdetect/stitch/esq/memory"
)

const (
	exampleGUID = "588d7c15-8565-448e-bc2d-57f2b7c4c58a"
	exampleSID  = "S-1-12-1-1485667349-1150190949-4065799612-2328216759"
)

func TestNormalObjectID(t *testing.T) {
	for text, want := range map[string]string{
		exampleGUID:                  exampleGUID,
		strings.ToUpper(exampleGUID): exampleGUID,
		"{" + exampleGUID + "}":      exampleGUID,
		exampleSID:                   exampleGUID,
		"s" + exampleSID[1:]:         exampleGUID,
		"S-1-12-1-0-0-0-1":           "00000000-0000-0000-0000-000001000000",
		"S-1-12-1-4294967295-4294967295-4294967295-4294967295": "ffffffff-ffff-ffff-ffff-ffffffffffff",
		"":                                       "",
		" " + exampleGUID:                        "",
		"{" + exampleGUID:                        "",
		strings.ReplaceAll(exampleGUID, "-", ""): "",
		strings.Replace(exampleGUID, "5", "g", 1):               "",
		"588d7c1-58565-448e-bc2d-57f2b7c4c58a":                  "",
		nobody:                                                  "",
		"S-1-12-1-0-0-0-0":                                      "",
		"S-1-12-1-1485667349-1150190949-4065799612":             "",
		exampleSID + "-5":                                       "",
		"S-1-12-1-01485667349-1150190949-4065799612-2328216759": "",
		"S-1-12-1-4294967296-1-1-1":                             "",
		"S-1-5-21-1-2-3-1001":                                   "",
		"S-1-5-18":                                              "",
		"john.doe@example.com":                                  "",
		"Ünicode-8565-448e-bc2d-57f2b7c4c58a":                   "",
	} {
		if got, ok := NormalObjectID(text); got != want || ok != (want != "") {
			t.Errorf("NormalObjectID(%q) = %q, %v; want %q", text, got, ok, want)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, test := range []struct {
		kind Kind
		text string
		want string // "" for no identity
	}{
		{UPN, "John.Doe@Example.com", "john.doe@example.com"},
		{UPN, "urn:spo:guest#john.doe@example.com", "urn:spo:guest#john.doe@example.com"},
		{UPN, "john.doe_example.com#EXT#@tenant.example", "john.doe_example.com#ext#@tenant.example"},
		{UPN, "JÖRG@example.com", "jÖrg@example.com"},
		{UPN, "app@sharepoint", ""},
		{UPN, "SecurityComplianceAlerts", ""},
		{UPN, "@example.com", ""},
		{UPN, "john@", ""},
		{SID, "s-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1001"},
		{SID, exampleSID, exampleSID},
		{SID, "S-1-5-18", ""},
		{SID, "S-1-5-21-1-2-3", ""},
		{SID, "S-1-5-21-1-2-3-4294967296", ""},
		{SID, "S-1-5-21-1-2-3-01001", ""},
		{SID, "S-1-5-21-1-2-3-+1001", ""},
		{SID, "S-1-5-32-1-2-3-544", ""},
		{Account, `NORDWIND\Anna`, `nordwind\anna`},
		{Account, `anna`, ""},
		{Account, `\anna`, ""},
		{Account, `NORDWIND\`, ""},
		{Account, `a\b\c`, ""},
		{Account, `NORDWIND\PC-7$`, ""},
		{ObjectID, nobody, ""},
	} {
		if got, ok := test.kind.Key(test.text); ok != (test.want != "") || ok && got != test.want {
			t.Errorf("%s.Key(%q) = %q, %v; want %q", test.kind, test.text, got, ok, test.want)
		}
	}
}

// The SID of a GUID is that GUID's alone.
func TestEntraSIDTurnsBack(t *testing.T) {
	if got := EntraSID(exampleGUID); got != exampleSID {
		t.Errorf("EntraSID = %s, want %s", got, exampleSID)
	}
	for _, text := range []string{"", "588d7c15", exampleSID} {
		if got := EntraSID(text); got != "" {
			t.Errorf("EntraSID(%q) = %q, want none", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		guid := rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).Draw(t, "guid")
		got, ok := NormalObjectID(EntraSID(guid))
		if guid == nobody {
			got, ok = guid, !ok
		}
		if !ok || got != guid {
			t.Fatalf("%s became %s and then %s, %v", guid, EntraSID(guid), got, ok)
		}
	})
}

func readText(text string) (*Map, error) { return ReadCSV("users.csv", strings.NewReader(text)) }

func TestReadCSV(t *testing.T) {
	m, err := readText("\ufeffSam, upn,object_id,SID\n" +
		`NORDWIND\anna;OLD\anna,Anna@nordwind.example;anna@old.example,{588D7C15-8565-448E-BC2D-57F2B7C4C58A},S-1-5-21-1-2-3-1001;` + exampleSID + "\n" +
		"\n" +
		`SUED\anna,"anna@sued.example",,` + "S-1-12-1-1-2-3-4\n")
	if err != nil {
		t.Fatal(err)
	}
	anna := &Person{
		UPNs: []string{"Anna@nordwind.example", "anna@old.example"}, ObjectID: exampleGUID,
		SIDs: []string{"S-1-5-21-1-2-3-1001"}, Accounts: []string{`nordwind\anna`, `old\anna`},
	}
	other := &Person{UPNs: []string{"anna@sued.example"}, ObjectID: "00000001-0002-0000-0300-000004000000", Accounts: []string{`sued\anna`}}
	if m.Len() != 2 {
		t.Errorf("%d people, want 2", m.Len())
	}
	for _, test := range []struct {
		kind Kind
		text string
		want *Person
	}{
		{UPN, "ANNA@NORDWIND.EXAMPLE", anna},
		{UPN, "anna@old.example", anna},
		{ObjectID, strings.ToUpper(exampleGUID), anna},
		{ObjectID, exampleSID, anna},
		{SID, exampleSID, anna},
		{SID, "S-1-5-21-1-2-3-1001", anna},
		{Account, `Nordwind\Anna`, anna},
		{Account, `sued\anna`, other},
		{SID, "S-1-12-1-1-2-3-4", other},
		{UPN, "anna", nil},
		{Account, "anna", nil},
		{SID, "S-1-5-21-1-2-3-1002", nil},
		{SID, "S-1-5-18", nil},
	} {
		if diff := cmp.Diff(test.want, m.Find(test.kind, test.text)); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", test.kind, test.text, diff)
		}
	}
}

func TestReadCSVProblems(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"empty":             {"", "users.csv: empty; the first line must name the columns: upn, object_id, sid, sam"},
		"nobody":            {"upn\n", "users.csv: no people; fill it in, or run without a user map"},
		"an unknown column": {"upn,objectid\n", `users.csv:1: unknown column "objectid"; did you mean "object_id"?; there are upn, object_id, sid, sam`},
		"a column twice":    {"upn,UPN\n", `users.csv:1: a second column "upn"`},
		"not CSV":           {"upn,sid\n\"a@b.example,\n", `users.csv:2: not CSV: column 15: extraneous or missing " in quoted-field`},
		"every line": {
			"upn,object_id,sid,sam\n" +
				"anna,,,\n" +
				"a@b.example,12,,\n" +
				"b@b.example,,S-1-5-18,anna\n" +
				"c@b.example,,\n" +
				",,,\n" +
				"d@b.example," + exampleGUID + ",S-1-12-1-1-2-3-4,\n" +
				"e@b.example,,\"S-1-12-1-1-2-3-4;" + exampleSID + "\",\n",
			strings.Join([]string{
				`users.csv:2: upn: "anna" is not a user principal name (NAME@DOMAIN)`,
				`users.csv:3: object_id: "12" is not an object id (a GUID that is not all zeros)`,
				`users.csv:4: sid: "S-1-5-18" is not the SID of a person (S-1-5-21-... or S-1-12-1-..., with eight parts)`,
				`users.csv:4: sam: "anna" is not an account (DOMAIN\NAME, not a machine's)`,
				`users.csv:5: 3 cells under 4 columns`,
				`users.csv:6: names nobody; remove it, or fill in at least one of upn, object_id, sid, sam`,
				`users.csv:7: S-1-12-1-1-2-3-4 is the SID of the object id 00000001-0002-0000-0300-000004000000, and not of ` + exampleGUID,
				`users.csv:8: ` + exampleSID + ` is the SID of the object id ` + exampleGUID + `, and not of 00000001-0002-0000-0300-000004000000`,
			}, "\n"),
		},
		"two people claim one identity": {
			"upn,object_id,sid,sam\n" +
				"a@b.example," + exampleGUID + ",S-1-5-21-1-2-3-4,B\\a\n" +
				"A@B.EXAMPLE,,,\n" +
				",," + exampleSID + ",\n" +
				",,s-1-5-21-1-2-3-4,b\\A\n",
			strings.Join([]string{
				`users.csv:3: upn A@B.EXAMPLE is claimed by users.csv:2 already; one of them must give it up`,
				`users.csv:4: object_id ` + exampleSID + ` is claimed by users.csv:2 already; one of them must give it up`,
				`users.csv:5: sid s-1-5-21-1-2-3-4 is claimed by users.csv:2 already; one of them must give it up`,
				`users.csv:5: sam b\A is claimed by users.csv:2 already; one of them must give it up`,
			}, "\n"),
		},
		"more than fit": {"upn\n" + strings.Repeat("x\n", 25), strings.Join(manyProblems(20), "\n") + "\nand 5 more"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readText(test.text)
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("%v, want Problems", err)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Error("problems (-want +got):\n" + diff)
			}
		})
	}
}

func manyProblems(n int) []string {
	var out []string
	for i := range n {
		out = append(out, "users.csv:"+string(rune('0'+(i+2)/10))+string(rune('0'+(i+2)%10))+`: upn: "x" is not a user principal name (NAME@DOMAIN)`)
	}
	for i := range 8 {
		out[i] = strings.Replace(out[i], ":0", ":", 1)
	}
	return out
}

func TestReadIndex(t *testing.T) {
	m := memory.New(memory.Options{Now: time.Now})
	if _, err := m.Load(strings.NewReader(
		`{"_index":"people","_id":"1","_source":{"upn":"a@b.example","sam":["B\\a","C\\a"]}}`+"\n"+
			`{"_index":"people","_id":"2","_source":{"upn":"b@b.example","sid":"S-1-5-21-1-2-3-4"}}`+"\n"+
			`{"_index":"broken","_id":"1","_source":{"upn":"b@b.example","sid":5}}`+"\n"), "test"); err != nil {
		t.Fatal(err)
	}
	got, err := ReadIndex(t.Context(), m, "people")
	if err != nil {
		t.Fatal(err)
	}
	if got.Find(Account, `c\A`).UPN() != "a@b.example" || got.Find(SID, "S-1-5-21-1-2-3-4").UPN() != "b@b.example" {
		t.Errorf("people are not found: %+v", got)
	}
	for index, want := range map[string]string{
		"broken": `read the user map: broken/1: sid: "5" is not the SID of a person (S-1-5-21-... or S-1-12-1-..., with eight parts)`,
		"none":   "read the user map: none: there is no such index; create it, or name another one",
	} {
		source, err := Open("index:" + index)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := source.Map(t.Context(), m); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestOpen(t *testing.T) {
	for _, text := range []string{"", "users", "users.txt", "index:", "index:Users", "index:a,b"} {
		if _, err := Open(text); err == nil {
			t.Errorf("Open(%q) is no error", text)
		}
	}
}

func TestFileIsReadAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "users.CSV")
	source, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	written := time.Date(2026, 3, 10, 8, 0, 0, 0, time.UTC)
	write := func(text string) {
		t.Helper()
		written = written.Add(time.Minute)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, written, written); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := source.Map(t.Context(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want that there is no such file", err)
	}
	write("upn\na@b.example\n")
	first, err := source.Map(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := source.Map(t.Context(), nil); err != nil || again != first {
		t.Errorf("a file that has not changed was read again: %v", err)
	}
	write("upn\nc@b.example\n")
	second, err := source.Map(t.Context(), nil)
	if err != nil || second.Find(UPN, "c@b.example") == nil || second.Find(UPN, "a@b.example") != nil {
		t.Errorf("a file that has changed was not read again: %v", err)
	}
	for range 2 {
		write("upn\nbroken\n")
		if _, err := source.Map(t.Context(), nil); err == nil {
			t.Error("a broken file is no error")
		}
	}
}

// FuzzReadCSV looks for texts that break the reader, and for maps in which a
// person is not found by what the person is known by.
func FuzzReadCSV(f *testing.F) {
	f.Add("upn,object_id,sid,sam\na@b.example," + exampleGUID + ",S-1-5-21-1-2-3-4,B\\a;C\\a\n")
	f.Add("\ufeffsid\r\n" + exampleSID + "\r\n\"" + exampleSID + "\"")
	f.Add("upn\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := readText(text)
		var problems Problems
		if err != nil {
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("%v is no Problems", err)
			}
			return
		}
		for _, p := range m.people {
			found := []*Person{}
			for _, upn := range p.UPNs {
				found = append(found, m.Find(UPN, upn))
			}
			for _, sid := range p.SIDs {
				found = append(found, m.Find(SID, sid))
			}
			for _, account := range p.Accounts {
				found = append(found, m.Find(Account, account))
			}
			if p.ObjectID != "" {
				found = append(found, m.Find(ObjectID, p.ObjectID), m.Find(SID, EntraSID(p.ObjectID)))
			}
			for _, other := range found {
				if other != p {
					t.Fatalf("%+v is found as %+v", p, other)
				}
			}
			if len(found) == 0 {
				t.Fatal("a person without an identity")
			}
		}
	})
}
