package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/test/engines"
	"github.com/stitchdetect/stitch/test/engines/node"
)

// image is the name of the image under test.
const image = "stitch-test/stitch:deploy"

// built builds the image, or ends the test where there is no Docker engine.
func built(t *testing.T) {
	t.Helper()
	choice, err := engines.FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	if choice.None {
		t.Skip("containers are tests of engines")
	}
	if _, err := node.NewDocker(); err != nil {
		unavailable(t, err)
	}
	needs(t, "docker")
	command(t, "deploy/image", image)
}

// The image runs as nobody, with nothing to write to and nothing it is allowed,
// and finds the demo's incident.
func TestImage(t *testing.T) {
	built(t)
	confined := []string{"run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", image}
	out := command(t, "docker", append(confined, "demo")...)
	if !strings.Contains(out, "marta.oliveira") {
		t.Errorf("the demo in a container says\n%.2000s", out)
	}
	user := command(t, "docker", "inspect", "--format", "{{.Config.User}}", image)
	if user != "65532:65532\n" {
		t.Errorf("the image runs as %q", user)
	}
	files := command(t, "docker", "inspect", "--format", "{{len .RootFS.Layers}}", image)
	if strings.TrimSpace(files) != "2" { // the binary and the folder it works in
		t.Errorf("the image has %s layers", files)
	}
}

// The compose file shows the demo on a cluster: the alert is there, and the
// page that shows it, for who has the token.
func TestCompose(t *testing.T) {
	built(t)
	c := newCompose(t)
	c.up(t)
	alert := c.alert(t)
	address := "http://" + strings.TrimSpace(c.run(t, "port", "stitch", "9464"))
	for _, with := range []struct {
		token  string
		status int
	}{{"stitch-demo-token", http.StatusOK}, {"wrong", http.StatusUnauthorized}} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+with.token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != with.status {
			t.Errorf("with token %q: status %d, want %d", with.token, response.StatusCode, with.status)
		}
	}
	if shown := c.run(t, "exec", "-T", "stitch", "/usr/bin/stitch", "alerts", "show", alert); !strings.Contains(shown, "marta.oliveira") {
		t.Errorf("the alert is shown as\n%s", shown)
	}
}

// compose runs the compose file with images that are at hand.
type compose struct {
	program    []string
	env        []string
	opensearch string // the image
}

func newCompose(t *testing.T) compose {
	t.Helper()
	program := []string{"docker", "compose"}
	if exec.CommandContext(t.Context(), "docker", "compose", "version").Run() != nil {
		needs(t, "docker-compose")
		program = []string{"docker-compose"}
	}
	opensearch := node.Image(engines.All()[3]) // the newest
	return compose{
		opensearch: opensearch,
		program:    append(program, "-p", fmt.Sprintf("stitch-test-%d", os.Getpid()), "-f", "deploy/compose/compose.yaml"),
		env:        append(os.Environ(), "STITCH_IMAGE="+image, "OPENSEARCH_IMAGE="+opensearch, "STITCH_PORT=0", "OPENSEARCH_PORT=0"),
	}
}

func (c compose) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.program[0], append(c.program[1:len(c.program):len(c.program)], args...)...)
	cmd.Dir, cmd.Env = root, c.env
	return cmd
}

func (c compose) run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.command(t.Context(), args...).Output()
	if err != nil {
		t.Fatalf("compose %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// up starts everything, and takes it away when the test is over.
func (c compose) up(t *testing.T) {
	t.Helper()
	// Pulled apart from the start, so that an image that cannot be had is told
	// from one that does not work.
	if exec.CommandContext(t.Context(), "docker", "image", "inspect", c.opensearch).Run() != nil {
		if out, err := exec.CommandContext(t.Context(), "docker", "pull", c.opensearch).CombinedOutput(); err != nil {
			unavailable(t, fmt.Errorf("pull %s: %w: %s", c.opensearch, err, out))
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := c.command(context.Background(), "logs", "--no-color", "--tail", "60", "prepare", "demo", "stitch").CombinedOutput()
			t.Logf("%s", logs)
		}
		if out, err := c.command(context.Background(), "down", "--volumes", "--timeout", "15").CombinedOutput(); err != nil {
			t.Errorf("compose down: %v\n%s", err, out)
		}
	})
	if out, err := c.command(t.Context(), "up", "--detach").CombinedOutput(); err != nil {
		t.Fatalf("compose up: %v\n%s", err, out)
	}
}

// patience is how long the whole demo may take on a busy machine.
const patience = 8 * time.Minute

// alert waits for the alert of the demo and returns its id.
func (c compose) alert(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for every := time.NewTicker(2 * time.Second); ; {
		var listed struct {
			Alerts []struct{ ID string }
		}
		out, err := c.command(ctx, "exec", "-T", "stitch", "/usr/bin/stitch", "alerts", "list", "--output", "json").Output()
		if err == nil && json.Unmarshal(out, &listed) == nil && len(listed.Alerts) > 0 {
			return listed.Alerts[0].ID
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			t.Fatalf("no alert after %v: %v\n%s", patience, err, out)
		}
	}
}
