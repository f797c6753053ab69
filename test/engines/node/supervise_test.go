package node

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSuperviseExitsAsTheCommandDoes(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	p, err := Supervise(folder, &out, io.Discard, "bash", "-c", `echo "$1"; exit 7`, "-", "two words")
	if err != nil {
		t.Fatal(err)
	}
	exit, ok := errors.AsType[*exec.ExitError](p.Wait())
	if !ok || exit.ExitCode() != 7 {
		t.Errorf("got error %v, want exit status 7", exit)
	}
	if out.String() != "two words\n" {
		t.Errorf("got output %q", out.String())
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

// TestSuperviseEndsAll ends a command whose child holds a pipe open: the pipe's
// end shows that the child is gone too.
func TestSuperviseEndsAll(t *testing.T) {
	read, write := io.Pipe()
	p, err := Supervise("", write, write, "bash", "-c", "tail -f /dev/null & echo started; wait")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(read)
	if !lines.Scan() || lines.Text() != "started" {
		t.Fatalf("got line %q, error %v", lines.Text(), lines.Err())
	}
	// Wait returns when all who hold the command's output have closed it.
	p.End()
	if err := p.Wait(); err == nil {
		t.Error("a command that was ended must not count as a success")
	}
}
