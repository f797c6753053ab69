package docs

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell runs the commands of one page.
type shell struct {
	folder   string
	checkout string   // the root of this checkout
	env      []string // what the page finds
	// rewritten are pairs of what the page says and what is meant by it here.
	rewritten []string
	last      int // exit code of the last command
	running   []*exec.Cmd
}

// command is one command of a page, with what it is shown to print.
type command struct {
	line  int // of the page
	text  string
	shown string
}

// commandsOf are the commands of a console block.
func commandsOf(b block) []command {
	var out []command
	for i, line := range strings.SplitAfter(b.text, "\n") {
		if text, ok := strings.CutPrefix(line, "$ "); ok {
			out = append(out, command{line: b.line + i, text: text})
			continue
		}
		if len(out) == 0 {
			out = append(out, command{line: b.line})
		}
		c := &out[len(out)-1]
		if text, ok := strings.CutPrefix(line, "> "); ok && c.shown == "" {
			c.text += text
		} else {
			c.shown += line
		}
	}
	return out
}

var longRunning = regexp.MustCompile(`^stitch (run|page)\b`)

// scriptsOf are the scripts of an sh block: its text, cut where stitch run stands.
func scriptsOf(b block) []command {
	out := []command{{line: b.line}}
	for i, line := range strings.SplitAfter(b.text, "\n") {
		c := &out[len(out)-1]
		if longRunning.MatchString(line) || longRunning.MatchString(c.text) {
			out = append(out, command{line: b.line + i})
			c = &out[len(out)-1]
		}
		c.text += line
	}
	return out
}

// console runs a console block and compares what it prints.
func (s *shell) console(t *testing.T, b block) {
	t.Helper()
	commands := commandsOf(b)
	for i, c := range commands {
		if c.text == "" {
			t.Fatalf("%s: a console block begins with a command, after \"$ \"", b)
		}
		out := s.run(t, b, c)
		if !matches(c.shown, out) {
			t.Errorf("%s:%d: %s prints\n%s\nnot as shown\n%s", b.page, c.line, strings.TrimSpace(c.text), out, c.shown)
		}
		asked := i+1 < len(commands) && strings.TrimSpace(commands[i+1].text) == "echo $?"
		if s.last != 0 && !asked {
			t.Fatalf("%s:%d: %s ends with %d:\n%s", b.page, c.line, strings.TrimSpace(c.text), s.last, out)
		}
	}
}

// script runs an sh block.
func (s *shell) script(t *testing.T, b block) {
	t.Helper()
	for _, c := range scriptsOf(b) {
		if out := s.run(t, b, c); s.last != 0 {
			t.Fatalf("%s:%d ends with %d:\n%s", b.page, c.line, s.last, out)
		}
	}
}

// run runs a command and returns what it prints, on both streams.
func (s *shell) run(t *testing.T, b block, c command) string {
	t.Helper()
	text := strings.NewReplacer(s.rewritten...).Replace(c.text)
	var out string
	if longRunning.MatchString(text) {
		out = s.start(t, b, text)
	} else {
		out = s.finish(t, b, text)
	}
	for i := 0; i < len(s.rewritten); i += 2 {
		out = strings.ReplaceAll(out, s.rewritten[i+1], s.rewritten[i])
	}
	return out
}

// bash is a shell that knows what the page has exported so far.
func (s *shell) bash(ctx context.Context, b block, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", `[ ! -e "$DOCS_ENV" ] || . "$DOCS_ENV"; `+script)
	cmd.Dir = s.folder
	for _, word := range b.words {
		if word == "checkout" {
			cmd.Dir = s.checkout
		}
	}
	cmd.Env = s.env
	return cmd
}

// finish runs commands to their end.
func (s *shell) finish(t *testing.T, b block, text string) string {
	t.Helper()
	// What has been exported is kept, however the script ends.
	script := `trap 'code=$?; export -p >"$DOCS_ENV"; exit $code' EXIT` + "\n"
	if b.lang == "sh" {
		script += "set -e\n"
	} else {
		script += "(exit " + strconv.Itoa(s.last) + ")\n" // what $? asks for
	}
	cmd := s.bash(t.Context(), b, script+text)
	out, err := cmd.CombinedOutput()
	s.last = cmd.ProcessState.ExitCode()
	if err != nil && s.last <= 0 {
		t.Fatalf("%s: run %s: %v\n%s", b, text, err, out)
	}
	return string(out)
}

// start runs a command until it says that it started, and then, unless it is
// put into the background, ends it.
func (s *shell) start(t *testing.T, b block, text string) string {
	t.Helper()
	text, _, _ = strings.Cut(text, " #")
	text, background := strings.CutSuffix(strings.TrimSpace(text), "&")
	cmd := s.bash(context.Background(), b, "exec "+text)
	cmd.WaitDelay = time.Minute
	var said bytes.Buffer
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: start %s: %v", b, text, err)
	}
	_ = writer.Close() // the process has its own
	lines := bufio.NewScanner(reader)
	started := false
	for !started && lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		started = strings.Contains(lines.Text(), "msg=started") || strings.Contains(lines.Text(), `"msg":"started"`)
	}
	rest := make(chan string, 1)
	go func() {
		var more strings.Builder
		for lines.Scan() {
			more.WriteString(lines.Text() + "\n")
		}
		_ = reader.Close() // nothing is lost by it
		rest <- more.String()
	}()
	if background && started {
		s.running, s.last = append(s.running, cmd), 0
		return said.String()
	}
	if started {
		_ = cmd.Process.Signal(syscall.SIGTERM) // unless it has ended, which Wait tells
	}
	_ = cmd.Wait() // the code is what is asked for
	s.last = cmd.ProcessState.ExitCode()
	said.WriteString(<-rest)
	return said.String()
}

// end ends what runs in the background.
func (s *shell) end(t *testing.T) {
	t.Helper()
	for _, cmd := range s.running {
		_ = cmd.Process.Signal(syscall.SIGTERM) // unless it has ended, which Wait tells
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", cmd.Args, err)
		}
	}
}

// write puts a TOML block where its first line says, and has it checked.
func (s *shell) write(t *testing.T, b block) {
	t.Helper()
	found := namedFile.FindStringSubmatch(b.text)
	if found == nil {
		t.Errorf("%s: the first line does not say which file it is, as \"# my-rules/first.toml\"", b)
		return
	}
	name := filepath.Join(s.folder, filepath.FromSlash(found[2]))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	mode := os.O_TRUNC
	if found[1] != "" {
		mode = os.O_APPEND
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|mode, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(strings.NewReplacer(s.rewritten...).Replace(b.text))
	if closed := file.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
	if out := s.finish(t, b, checkOf(found[2])); s.last != 0 {
		t.Errorf("%s: %s ends with %d:\n%s", b, checkOf(found[2]), s.last, out)
	}
	s.last = 0
}

var namedFile = regexp.MustCompile(`\A# (added to )?([\w./-]+\.toml)\n`)

// checkOf is the command that reads a file of the name.
func checkOf(name string) string {
	folder, _, below := strings.Cut(name, "/")
	switch {
	case name == "notifications.toml":
		return "stitch notify test --show --notifications " + name
	case !below:
		// A configuration is read before a cluster is asked, and there is none.
		return "stitch rules --config " + name + " --url http://127.0.0.1:9; [ $? = 3 ]"
	case strings.HasSuffix(name, ".test.toml"):
		return "stitch test " + name
	}
	return "stitch check " + folder + "/"
}
