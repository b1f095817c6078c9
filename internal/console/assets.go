package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
)

//go:embed assets
var assetFiles embed.FS

// The machine's own table of types may differ, and browsers are told not to guess.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// assets are the files that pages ask for. The content's hash is in the address,
// so that a browser may keep a file for ever and a new weir brings new addresses.
type assets struct {
	paths map[string]string // by name
	files map[string][]byte // by address
}

func newAssets() (*assets, error) {
	a := &assets{paths: map[string]string{}, files: map[string][]byte{}}
	for name, parts := range map[string][]string{
		"console.css": {"console.css"}, "icon.svg": {"icon.svg"},
		// One file: htmx asks its extensions when it starts, so one that arrives later is
		// never asked.
		"app.js": {"htmx.min.js", "hx-sse.min.js", "console.js"},
	} {
		var b []byte
		for _, part := range parts {
			f, err := assetFiles.ReadFile("assets/" + part)
			if err != nil {
				return nil, fmt.Errorf("reading the console's assets: %w", err)
			}
			b = append(append(b, f...), '\n')
		}
		sum := sha256.Sum256(b)
		p := "/ui/assets/" + hex.EncodeToString(sum[:6]) + "/" + name
		a.paths[name], a.files[p] = p, b
	}
	return a, nil
}

func (a *assets) path(name string) (string, error) {
	p, ok := a.paths[name]
	if !ok {
		return "", fmt.Errorf("no asset %s", name)
	}
	return p, nil
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, ok := a.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", contentTypes[path.Ext(r.URL.Path)])
	w.Header().Set("Content-Length", fmt.Sprint(len(b)))
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(b)
}
