package security

import (
	"crypto/tls"
	"encoding/json"
	"maps"
	"testing"

	"github.com/stitchdetect/stitch/esq"
	"github.com/stitchdetect/stitch/mappings"
)

// connects proves that a cluster takes what stitch can show: on Elasticsearch an
// API key that is a role, beside the certificate that it asks of everyone; on
// OpenSearch a certificate alone. The authority is known by its fingerprint.
func (c *cluster) connects(t *testing.T, p place) {
	t.Helper()
	cfg := esq.Config{
		URLs: []string{c.url}, CAFingerprint: c.ca.fingerprint(), Retry: esq.Retry{Attempts: 2, Base: 1},
		ClientCert: func() (*tls.Certificate, error) {
			pair, err := tls.X509KeyPair(c.cert, c.key)
			return &pair, err
		},
	}
	role := p.role(t, mappings.RunRole)
	if c.family == mappings.Elasticsearch {
		body := c.must(t, "POST", "/_security/api_key", map[string]any{
			"name": "stitch-run", "role_descriptors": map[string]any{"stitch-run": withoutDescription(t, role.Body(c.family))},
		})
		var answer struct{ Encoded string }
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		cfg.APIKey = esq.Secret(answer.Encoded)
	} else {
		c.give(t, map[string]mappings.Role{certified: role})
	}
	e, err := esq.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := mappings.Check(t.Context(), e, p.names); err != nil {
		t.Errorf("who connects is not who may: %v", err)
	}
	if err := e.Do(t.Context(), "DELETE", "/"+p.names.State(), nil, nil); !esq.Refused(err) {
		t.Errorf("who connects may delete the state: %v", err)
	}
	cfg.ClientCert = nil
	if _, err := esq.Open(t.Context(), cfg); err == nil {
		t.Error("without the certificate it is let in")
	}
}

// withoutDescription is a role as a key may have it.
func withoutDescription(t *testing.T, body any) map[string]any {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(all, func(key string, _ any) bool { return key == "description" })
	return all
}
