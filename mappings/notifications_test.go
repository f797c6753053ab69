package mappings

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is noted is read again, in one order, and all else of the alert stays.
func TestNotifications(t *testing.T) {
	at := time.Date(2026, 3, 10, 12, 0, 0, 5e6, time.UTC)
	list := []Notification{
		{Route: "soc", Kind: "updated", Status: Failed, Key: "a_updated_3", Attempts: 2, Next: at, Error: "down", Version: 2, Sent: at, Told: "soc:active"},
		{Route: "mail", Kind: "created", Status: Sent, Key: "a_created", Attempts: 1, Sent: at, Version: 1, Told: "mail:active"},
		{Route: "soc", Kind: "created", Status: Sent, Key: "a_created", Attempts: 1, Sent: at, Version: 1},
	}
	alert := json.RawMessage(`{"stitch":{"notifications":[{"route":"old","kind":"created"}],"version":7},"tags":["x"]}`)
	stored, err := WithNotifications(alert, list)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadNotifications(stored)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Notification{list[1], list[2], list[0]}, got); diff != "" {
		t.Error(diff)
	}
	bare, err := WithNotifications(stored, nil)
	if err != nil || string(bare) != `{"stitch":{"version":7},"tags":["x"]}` {
		t.Errorf("%s, %v", bare, err)
	}
}

// However the list is spelled it is read, and what is garbled in it is left out.
func TestReadNotifications(t *testing.T) {
	want := []Notification{{Route: "soc", Kind: "created", Status: Sent}}
	for doc, want := range map[string][]Notification{
		`{"stitch":{"notifications":[{"route":"soc","kind":"created","status":"sent"}]}}`:                               want,
		`{"stitch":{"notifications":{"route":"soc","kind":"created","status":"sent"}}}`:                                 want,
		`{"stitch.notifications":[{"route":"soc","kind":"created","status":"sent"}]}`:                                   want,
		`{"stitch":{"notifications":[7,{"route":"soc"},{"route":"a","kind":"b","sent":"soon"},{"attempts":"x"},null]}}`: nil,
		`{"stitch":7}`: nil,
		`{}`:           nil,
	} {
		got, err := ReadNotifications(json.RawMessage(doc))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", doc, err, diff)
		}
	}
	if _, err := ReadNotifications(json.RawMessage("[")); err == nil {
		t.Error("no document is read")
	}
	if _, err := WithNotifications(json.RawMessage("[]"), nil); err == nil {
		t.Error("no document is written")
	}
}
