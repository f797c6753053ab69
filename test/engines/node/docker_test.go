package node

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"testing"

	"github.com/ory/dockertest/v3/docker"
	"github.com/stitchdetect/stitch/test/engines"
)

// TestDocker runs one engine of each family as a container, indexes and
// searches a document, and looks that nothing of the container is left.
func TestDocker(t *testing.T) {
	choice, err := engines.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines.All() {
		if e.Name != "es8" && e.Name != "os3" || !choice.Wants(e) {
			continue
		}
		t.Run(e.Name, func(t *testing.T) {
			d, n := started(t, e, choice)
			e.URL = n.URL
			indexAndSearch(t, e)
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
			wantNone(t, d)
			if err := n.Stop(); err != nil {
				t.Errorf("stop again: %v", err)
			}
		})
	}
}

// started returns a container's node, or ends the test.
func started(t *testing.T, e engines.Engine, choice engines.Choice) (Docker, *Node) {
	t.Helper()
	var n *Node
	d, err := NewDocker()
	if err == nil {
		n, err = d.Start(t.Context(), e, Image(e))
	}
	if err != nil && choice.Required {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	return d, n
}

func indexAndSearch(t *testing.T, e engines.Engine) {
	t.Helper()
	e.Must(t, http.MethodPut, "/events/_doc/1?refresh=true", `{"user":{"name":"ann"}}`)
	var answer struct {
		Hits struct {
			Hits []struct {
				ID string `json:"_id"`
			}
		}
	}
	if err := json.Unmarshal(e.Must(t, http.MethodPost, "/events/_search", `{"query":{"term":{"user.name":"ann"}}}`), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Hits.Hits) != 1 || answer.Hits.Hits[0].ID != "1" {
		t.Errorf("found %+v, want document 1", answer.Hits.Hits)
	}
}

// wantNone fails the test if a container of this process is left.
func wantNone(t *testing.T, d Docker) {
	t.Helper()
	ours := map[string][]string{"label": {processLabel + "=" + strconv.Itoa(os.Getpid())}}
	left, err := d.pool.Client.ListContainers(docker.ListContainersOptions{All: true, Filters: ours})
	if err != nil {
		t.Fatal(err)
	}
	for _, container := range left {
		t.Errorf("container %s is left: %s", container.ID, container.Status)
	}
}
