package page_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// What only a browser can tell. It is started once, since that takes longest.
func TestInBrowser(t *testing.T) {
	browser := newBrowser(t)
	for _, tt := range []struct {
		name string
		test func(t *testing.T, browser context.Context)
	}{
		{"Layout", testLayout},
		{"Contrast", testContrast},
		{"Keyboard", testKeyboard},
		{"Pointer", testPointer},
		{"Crowd", testCrowd},
		{"HostileNames", testHostileNames},
		{"Triage", testTriage},
		{"LocalTime", testLocalTime},
		{"ManyAlerts", testManyAlerts},
		{"WithoutScript", testWithoutScript},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, browser) })
	}
}

// chromium returns the path of a browser. Without one the test is skipped,
// unless it must run.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("STITCH_TEST_ENGINES") == "required" || os.Getenv("CI") == "true" {
		t.Fatal("no chromium: apt-get install chromium")
	}
	t.Skip("no chromium: apt-get install chromium")
	return ""
}

// newBrowser starts a browser that reaches this machine alone.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	browser, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("start %s: %v", chromium(t), err)
	}
	return browser
}

// tab is a page of the browser, and what it has complained about and asked for.
type tab struct {
	context.Context
	t    *testing.T
	site *site
	// refused is an address that is answered with an error, as it should be.
	refused string

	mu         sync.Mutex
	complaints []string
	requests   []string
}

// newTab opens one for a site. When the test ends, it must not have complained,
// nor asked anybody but the site.
func newTab(t *testing.T, browser context.Context, s *site) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(browser)
	t.Cleanup(end)
	bounded, stop := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(stop)
	b := &tab{Context: bounded, t: t, site: s}
	if err := chromedp.Listen(bounded, b.hear); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, runtime.Enable, cdp.Empty{})
	t.Cleanup(b.check)
	return b
}

func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, "console."+string(e.Type))
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceNetwork && e.Entry.URL == b.refused {
			return // a page of a problem says so by its status, too
		}
		b.complaints = append(b.complaints, string(e.Entry.Source)+": "+e.Entry.Text)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

func (b *tab) check() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser complains: %s", c)
	}
	for _, r := range b.requests {
		// The icons of Chromium's own fields are such data.
		if !strings.HasPrefix(r, b.site.URL+"/") && !strings.HasPrefix(r, "data:image/svg+xml;base64,") {
			b.t.Errorf("it asked %s", r)
		}
	}
	if len(b.requests) == 0 {
		b.t.Error("it asked for nothing")
	}
}

func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// open goes to a page and waits for its script.
func (b *tab) open(path string) {
	b.t.Helper()
	b.run(chromedp.Navigate(b.site.URL+path), chromedp.WaitReady(chromedp.CSS("html.script")))
}

// size makes the window so wide.
func (b *tab) size(width int64) {
	b.t.Helper()
	height := map[int64]int64{360: 740, 1280: 900, 3840: 2160}[width]
	b.run(chromedp.EmulateViewport(width, height))
}

// call sends the browser a command.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	if _, err := chromedp.Call(b, command, params); err != nil {
		b.t.Fatal(err)
	}
}

// ask evaluates an expression.
func ask[T any](b *tab, expression string) T {
	b.t.Helper()
	got, err := chromedp.Run(b, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// photograph keeps a picture of the window, where one is wanted.
func (b *tab) photograph(name string) {
	b.t.Helper()
	folder := os.Getenv("STITCH_TEST_SCREENSHOTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(b, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600)); err != nil {
		b.t.Fatal(err)
	}
}

// follow does what leads to another page, and waits for that.
func (b *tab) follow(step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if _, err := chromedp.RunResponse(b, step); err != nil {
		b.t.Fatal(err)
	}
}

// has reports whether the page has an element, also where no script may run.
func (b *tab) has(selector string) bool {
	b.t.Helper()
	found, err := chromedp.Run(b, chromedp.QueryNodeIDs(chromedp.CSSAll(selector), chromedp.AtLeast(0)))
	if err != nil {
		b.t.Fatal(err)
	}
	return len(found) > 0
}
