package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stitchdetect/stitch/test/engines"
	"github.com/stitchdetect/stitch/test/engines/node"
)

// trio is a cluster of three local nodes that can be killed one by one.
type trio struct {
	engines.Engine
	engine string // the script that starts nodes
	nodes  [3]*member
}

// member is a node of a trio.
type member struct {
	name, folder    string
	port, transport string
	process         *node.Process
}

func (m *member) url() string { return "http://127.0.0.1:" + m.port }

// newTrio starts three nodes, which end with the test.
func newTrio(t *testing.T) *trio {
	t.Helper()
	c := &trio{Engine: chosen(t, "os3")}
	for _, tool := range []string{"bash", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			unavailable(t, fmt.Errorf("no local nodes: %w", err))
		}
	}
	var err error
	if c.engine, err = filepath.Abs("../engines/node/engine"); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), c.engine, "fetch", c.Family, c.Version).CombinedOutput(); err != nil {
		unavailable(t, fmt.Errorf("no local nodes: %w: %s", err, out))
	}
	ports := freePorts(t, 6)
	for i := range c.nodes {
		c.nodes[i] = &member{name: fmt.Sprintf("n%d", i+1), folder: t.TempDir(), port: ports[2*i], transport: ports[2*i+1]}
	}
	for _, m := range c.nodes {
		c.start(t, m, "cluster.initial_cluster_manager_nodes=n1,n2,n3")
	}
	c.URL = c.nodes[0].url()
	c.await(t, "wait_for_nodes=3")
	return c
}

// freePorts returns ports of the loopback interface that are free just now.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all at the end, so that they differ
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports
}

// start starts a node, on the data that it had before if it had any.
func (c *trio) start(t *testing.T, m *member, settings ...string) {
	t.Helper()
	var seeds []string
	for _, other := range c.nodes {
		seeds = append(seeds, "127.0.0.1:"+other.transport)
	}
	command := append([]string{"env", "HEAP=320m", c.engine, "run", c.Family, c.Version, m.folder, m.port,
		"cluster.name=" + filepath.Base(c.nodes[0].folder) + c.nodes[0].port, "node.name=" + m.name, "transport.port=" + m.transport,
		"discovery.seed_hosts=" + strings.Join(seeds, ",")}, settings...)
	p, err := node.Supervise("", io.Discard, io.Discard, command...)
	if err != nil {
		t.Fatal(err)
	}
	m.process = p
	t.Cleanup(p.End)
}

// await returns when the cluster's health is what is asked for.
func (c *trio) await(t *testing.T, condition string) {
	t.Helper()
	limit := time.Now().Add(3 * time.Minute)
	for time.Now().Before(limit) && t.Context().Err() == nil {
		status, _, err := c.Request(t.Context(), http.MethodGet, "/_cluster/health?timeout=2s&"+condition, "")
		if err == nil && status == http.StatusOK {
			return
		}
		pause(t, 200*time.Millisecond)
	}
	t.Fatalf("the cluster does not come to %s", condition)
}

// kill ends a node at once, without a word to it.
func (c *trio) kill(t *testing.T, m *member) {
	t.Helper()
	var answer struct {
		Nodes map[string]struct{ Process struct{ ID int } }
	}
	if err := json.Unmarshal(c.Must(t, http.MethodGet, "/_nodes/"+m.name+"/process", ""), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Nodes) != 1 {
		t.Fatalf("%d nodes are named %s", len(answer.Nodes), m.name)
	}
	for _, n := range answer.Nodes {
		if err := syscall.Kill(n.Process.ID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	<-m.process.Done()
}

func (c *trio) urls() []string {
	var urls []string
	for _, m := range c.nodes {
		urls = append(urls, m.url())
	}
	return urls
}

// threeNodes are settings of indices: a shard of the one kind for each node,
// and every node has a part of the other.
func threeNodes() map[string]string {
	return map[string]string{
		"front": `{"number_of_shards":2,"number_of_replicas":1}`,
		"back":  `{"number_of_shards":3,"number_of_replicas":1}`,
	}
}

// replicas says of how many copies besides the first the test's index back is.
func (c *trio) replicas(t *testing.T, n int) {
	t.Helper()
	c.Must(t, http.MethodPut, "/"+indexPrefix+"back-1/_settings", fmt.Sprintf(`{"index.number_of_replicas":%d}`, n))
}

// TestThreeNodes has runs pass while a node of the cluster is killed, is gone,
// and comes back.
func TestThreeNodes(t *testing.T) {
	f := figures{seed: newSeed(t)}
	program := build(t)
	c := newTrio(t)
	s := newSite(t, c.Engine, program, c.urls(), f.seed, threeNodes())
	random := rand.New(rand.NewPCG(f.seed, 3))
	for round := range number(t, "STITCH_FAULT_NODE_KILLS", 2) {
		// With no copies a node that is gone takes documents with it; with one,
		// runs go on without the node.
		spare := round % 2
		c.replicas(t, spare)
		c.await(t, "wait_for_status=green&wait_for_nodes=3")
		victim := random.IntN(len(c.nodes))
		s.speakTo(c, (victim+1)%len(c.nodes))
		s.history.arrive(t, s.history.draw(40), 0)
		pause(t, time.Second)

		run := s.start(t, s.urls)
		pause(t, time.Duration(random.Int64N(int64(400*time.Millisecond))))
		c.kill(t, c.nodes[victim])
		f.nodes++
		s.note(t, &f, "killed", run.end(t))

		// What lies on the other nodes goes on arriving.
		s.history.arrive(t, slices.DeleteFunc(s.history.draw(40), func(e event) bool { return e.index == "back" }), 0)
		pause(t, time.Second)
		gone := s.once(t, s.urls)
		s.note(t, &f, "gone", gone)
		if gone.whole() != (spare > 0) {
			t.Errorf("a node of three is gone, there are %d spare copies, and a run says: %s", spare, gone)
		}

		c.start(t, c.nodes[victim])
		for joined := false; !joined; {
			s.note(t, &f, "coming back", s.once(t, s.urls))
			pause(t, time.Second)
			status, _, err := s.e.Request(t.Context(), http.MethodGet, "/_cluster/health?timeout=100ms&wait_for_nodes=3", "")
			joined = err == nil && status == http.StatusOK
		}
	}
	c.await(t, "wait_for_status=green&wait_for_nodes=3")
	if len(s.failures(t)) == 0 && f.failed > 0 {
		t.Error("no record says that a run failed")
	}
	s.conclude(t, f)
}

// speakTo has the test itself use this node.
func (s *site) speakTo(c *trio, i int) {
	c.URL = c.nodes[i].url()
	s.e.URL, s.history.e.URL = c.URL, c.URL
}

// note takes a run at its word: it failed and says why, or all is there.
func (s *site) note(t *testing.T, f *figures, when string, run outcome) {
	t.Helper()
	f.runs++
	if run.code != 0 {
		f.failed++
		t.Logf("%s: code %d: %s", when, run.code, run.out)
		if !strings.Contains(run.log, "err=") && !strings.Contains(run.log, "stitch: ") {
			t.Errorf("%s: a run failed without a word: %s", when, run)
		}
	}
	if run.whole() {
		if d := s.compare(t); !d.none() {
			t.Errorf("%s: a run that says it succeeded: %s\n%s", when, d, run)
		}
	}
}
