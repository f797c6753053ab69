package mappings

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// What became of a notification.
const (
	// Sending is one whose answer is not known: it is on its way, or what sent it
	// was killed. From Notification.Next on it is sent again.
	Sending = "sending"
	// Sent is one that the service has taken.
	Sent = "sent"
	// Failed is one that could not be brought to the service; it is tried again.
	Failed = "failed"
	// Refused is one that the service will not take as it is; it is tried again
	// seldom.
	Refused = "refused"
)

// Notification is what one route was told, or is to be told, of an alert. A
// route has one of each kind; that of an update is the latest.
type Notification struct {
	Route  string `json:"route"`
	Kind   string `json:"kind"`
	Status string `json:"status"`
	// Key is by what the receiver knows the message again, however often it comes.
	Key string `json:"key"`
	// Attempts are those for this key, the present one included.
	Attempts int `json:"attempts"`
	// Version is that of the alert which was sent.
	Version int64     `json:"version,omitempty"`
	Sent    time.Time `json:"sent,omitzero"`
	// Next is when it is tried again, for one that was not sent.
	Next  time.Time `json:"next,omitzero"`
	Error string    `json:"error,omitempty"` // of the last attempt, without secrets
	// Told is what the route knows of the alert, as one word that a query can ask
	// for. One of the route's notifications has it.
	Told string `json:"told,omitempty"`
}

// ReadNotifications returns what is noted in a stored alert of who was told of
// it. What is garbled is left out.
func ReadNotifications(stored json.RawMessage) ([]Notification, error) {
	o, err := decode(stored)
	if err != nil {
		return nil, fmt.Errorf("read notifications: %w", err)
	}
	stitch, _ := o["stitch"].(object)
	value, nested := stitch["notifications"]
	if !nested {
		value = o["stitch.notifications"]
	}
	items, _ := value.([]any)
	if one, isObject := value.(object); isObject {
		items = []any{one}
	}
	var list []Notification
	for _, item := range items {
		text, err := Encode(item)
		if err != nil {
			return nil, fmt.Errorf("read notifications: %w", err)
		}
		var n Notification
		if json.Unmarshal(text, &n) == nil && n.Route != "" && n.Kind != "" {
			list = append(list, n)
		}
	}
	return list, nil
}

// WithNotifications returns a stored alert with a list of notifications instead
// of those that it has, and all else as it is.
func WithNotifications(stored json.RawMessage, list []Notification) (json.RawMessage, error) {
	o, err := decode(stored)
	if err != nil {
		return nil, fmt.Errorf("note notifications: %w", err)
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Notification) int {
		return cmp.Or(cmp.Compare(a.Route, b.Route), cmp.Compare(a.Kind, b.Kind))
	})
	remove(o, "stitch.notifications")
	if len(list) > 0 {
		items := make([]any, len(list))
		for i, n := range list {
			items[i] = n.object()
		}
		put(o, "stitch.notifications", items)
	}
	return Encode(o)
}

func (n Notification) object() object {
	o := object{"route": n.Route, "kind": n.Kind, "status": n.Status, "key": n.Key, "attempts": n.Attempts}
	if n.Version > 0 {
		o["version"] = n.Version
	}
	for name, t := range map[string]time.Time{"sent": n.Sent, "next": n.Next} {
		if !t.IsZero() {
			o[name] = Time(t)
		}
	}
	putText(o, "error", n.Error)
	putText(o, "told", n.Told)
	return o
}

// Same reports whether two are of one route and kind.
func (n Notification) Same(other Notification) bool {
	return n.Route == other.Route && n.Kind == other.Kind
}
