package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/stitchdetect/stitch/scheduler/triage"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

// templates are the pages by name.
type templates map[string]*template.Template

// view is what every page is made of.
type view struct {
	// Root is the way from the page to the root, so that the page works under
	// whatever path a proxy gives it.
	Root    string
	Title   string
	Name    string // of the page
	User    string
	Version string
	Triage  bool
	Now     time.Time
	Body    any
}

func (p *Page) readTemplates() (templates, error) {
	base, err := template.New("layout.tmpl").Funcs(p.functions()).ParseFS(templateFiles, "templates/layout.tmpl", "templates/parts.tmpl")
	if err != nil {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	pages := templates{}
	for _, name := range []string{"list", "alert", "rules", "rule", "problem"} {
		page, err := base.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, "templates/"+name+".tmpl")
		}
		if err != nil {
			return nil, fmt.Errorf("read template %s: %w", name, err)
		}
		pages[name] = page
	}
	return pages, nil
}

// functions are what templates may call.
func (p *Page) functions() template.FuncMap {
	return template.FuncMap{
		"shown": shown, "prose": prose, "plain": plain, "moment": moment, "precise": precise, "clock": clock, "percent": percent, "counted": counted, "grouped": grouped,
		"web": web, "links": p.o.Links.to, "columns": columns, "telling": triage.Telling, "fit": fit, "lasting": lasting, "leaves": leaves, "segment": url.PathEscape,
		"version": func(name string) string { return p.assets[name].version },
		"add":     func(a, b int) int { return a + b },
		"half":    func(a int) int { return a / 2 },
		"parts":   func(values ...any) []any { return values },
	}
}

// render writes a page, whole or not at all.
func (p *Page) render(w http.ResponseWriter, r *http.Request, status int, name, title string, body any) error {
	v := view{
		Root: root(r), Title: plain(title), Name: name, User: p.user(r), Version: p.o.Version,
		Triage: p.o.Act != nil, Now: p.o.Clock().UTC(), Body: body,
	}
	var b bytes.Buffer
	if err := p.templates[name].Execute(&b, v); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a reader who has gone
	return nil
}

// root is the relative way to the root from the page that was asked for.
func root(r *http.Request) string {
	if depth := strings.Count(r.URL.EscapedPath(), "/") - 1; depth > 0 {
		return strings.Repeat("../", depth)
	}
	return "./"
}

func (p *Page) user(r *http.Request) string {
	if p.o.User == nil {
		return ""
	}
	return p.o.User(r)
}

// asset is a file that pages load.
type asset struct {
	content []byte
	kind    string
	version string // of the content
}

type assets map[string]asset

func readAssets() (assets, error) {
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	all := assets{}
	entries, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		return nil, fmt.Errorf("read static files: %w", err)
	}
	for _, e := range entries {
		content, err := fs.ReadFile(staticFiles, "static/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("read static file: %w", err)
		}
		sum := sha256.Sum256(content)
		all[e.Name()] = asset{content, kinds[path.Ext(e.Name())], hex.EncodeToString(sum[:6])}
	}
	return all, nil
}

// asset answers with a file. Under the address that pages have it never changes.
func (p *Page) asset(w http.ResponseWriter, r *http.Request) error {
	a, ok := p.assets[r.PathValue("name")]
	if !ok {
		return nowhere(w, r)
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("ETag", `"`+a.version+`"`)
	if r.URL.Query().Get("v") == a.version {
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
	return nil
}
