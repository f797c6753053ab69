package engines

import (
	"os"
	"testing"
)

// Each runs f as a subtest for each cluster, named as the engine is. The
// subtest of a cluster that is not chosen or cannot be had is skipped, or
// fails if clusters are required. Nodes are started when first needed and
// shared; f keeps to names with its [Engine.Prefix].
func Each(t *testing.T, f func(t *testing.T, e Engine)) {
	t.Helper()
	for _, e := range All() {
		t.Run(e.Name, func(t *testing.T) { f(t, running(t, e)) })
	}
}

// running returns the engine with a node that answers, or ends the test.
func running(t *testing.T, e Engine) Engine {
	t.Helper()
	choice, err := FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	if !choice.Wants(e) {
		t.Skipf("%s=%s does not ask for %s", choiceVariable, os.Getenv(choiceVariable), e.Name)
	}
	url, missing := locate(t, e)
	if missing != "" {
		if choice.Required {
			t.Fatalf("no %s %s: %s", e.Family, e.Version, missing)
		}
		t.Skipf("no %s %s: %s", e.Family, e.Version, missing)
	}
	e.URL = url
	e, err = e.identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// locate returns the URL of a node for e, or why there is none.
func locate(t *testing.T, e Engine) (url, missing string) {
	t.Helper()
	if url := os.Getenv(e.URLVariable()); url != "" {
		return url, ""
	}
	if missing := os.Getenv(e.MissingVariable()); missing != "" {
		return "", missing
	}
	served, err := ofThisProcess.serve(e)
	if err != nil {
		t.Fatal(err)
	}
	return served.URL, served.Missing
}
