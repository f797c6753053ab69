// Command with runs another command beside the search nodes that tests want:
//
//	with go test ./...
//
// It starts the nodes that package engines describes, exports their URLs to
// the command, ends the nodes when the command has ended, and exits as that
// did. SIGINT and SIGTERM end the command first. Nodes whose URLs are in the
// environment already are not started.
//
//	with -serve NAME
//
// starts one node, prints one line of JSON (engines.Served), and ends the node
// when standard input closes. Tests that run alone use it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes besides that of the command.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	// Whoever started us may be gone when we still have to tidy up.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	code, err := 0, error(nil)
	switch {
	case len(args) == 2 && args[0] == "-serve":
		err = serve(ctx, args[1], stdin, stdout, stderr)
	case len(args) > 0 && args[0] != "-serve":
		code, err = with(ctx, args, stdout, stderr)
	default:
		fmt.Fprintln(stderr, "usage: with COMMAND [ARG ...] | with -serve NAME")
		return exitUsage
	}
	if err != nil {
		fmt.Fprintf(stderr, "with: %v\n", err)
		code = max(code, exitFailed)
	}
	return code
}

// logger returns a function that writes lines to w.
func logger(w io.Writer) func(format string, args ...any) {
	return func(format string, args ...any) { fmt.Fprintf(w, "with: "+format+"\n", args...) }
}
