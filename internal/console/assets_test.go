package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The vendored files are exactly those of the npm package htmx.org 4.0.1.
func TestVendoredFiles(t *testing.T) {
	sums, err := assetFiles.ReadFile("assets/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(sums)), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d files in SHA256SUMS, want 3", len(lines))
	}
	for _, line := range lines {
		sum, name, _ := strings.Cut(line, "  ")
		b, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			t.Error(err)
		} else if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != sum {
			t.Errorf("%s is %s, want %s", name, got, sum)
		}
	}
}

// Everything that a page names is served, may be kept for ever, and is ours; and
// nothing is written into the page that its policy forbids.
func TestPageAndItsAssets(t *testing.T) {
	srv, _ := newConsole(t, sampleAPI(84, time.Hour), Config{})
	_, html := fetch(t, srv.URL+"/ui/audit")
	weight := zipped(html)
	refs := regexp.MustCompile(`\s(?:src|href)="([^"]+)"`).FindAllStringSubmatch(html, -1)
	assets := 0
	for _, m := range refs {
		if !strings.HasPrefix(m[1], "/ui") && !strings.HasPrefix(m[1], "/api/v1/") && !strings.HasPrefix(m[1], "#") {
			t.Errorf("the page names %s", m[1])
		}
		if !strings.HasPrefix(m[1], "/ui/assets/") {
			continue
		}
		assets++
		resp, err := http.Get(srv.URL + m[1])
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		h := resp.Header
		if resp.StatusCode != 200 || !strings.Contains(h.Get("Cache-Control"), "immutable") || h.Get("Content-Type") == "" {
			t.Errorf("%s: %s %v", m[1], resp.Status, h)
		}
		_, body := fetch(t, srv.URL+m[1])
		weight += zipped(body)
	}
	if assets != 3 {
		t.Errorf("the page names %d assets, want 3: with itself and its stream, 5 requests", assets)
	}
	if weight > 70_000 {
		t.Errorf("first load weighs %d bytes compressed, want at most 70,000", weight)
	}
	if m := regexp.MustCompile(`<style|style=|<script>|javascript:|\son[a-z]+=`).FindString(html); m != "" {
		t.Errorf("the page holds %q", m)
	}
	resp, err := http.Get(srv.URL + "/ui/audit")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if p := resp.Header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'self'") || !strings.Contains(p, "frame-ancestors 'none'") {
		t.Errorf("policy %q", p)
	}
	for name, most := range map[string]int{"console.js": 6000, "console.css": 12_000} {
		own, err := assetFiles.ReadFile("assets/" + name)
		if n := zipped(string(own)); err != nil || n > most {
			t.Errorf("our own %s has %d bytes compressed, want at most %d (%v)", name, n, most, err)
		}
	}
}

func zipped(s string) int {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.Len()
}

// Every text can be read on every ground that it stands on, in both themes: WCAG
// 2.2 asks for a contrast of 4.5.
func TestContrast(t *testing.T) {
	b, err := assetFiles.ReadFile("assets/console.css")
	if err != nil {
		t.Fatal(err)
	}
	themes := map[string]map[string]string{"light": {}, "dark": {}}
	for _, m := range regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`).FindAllStringSubmatch(string(b), -1) {
		themes["light"][m[1]], themes["dark"][m[1]] = m[2], m[3]
	}
	pairs := [][2]string{{"ink", "page"}, {"ink", "card"}, {"soft", "page"}, {"soft", "card"}, {"accent", "page"},
		{"accent", "card"}, {"ink", "accent-wash"}, {"accent", "accent-wash"}, {"soft", "accent-wash"}, {"on-strong", "accent"}}
	for _, v := range verdicts {
		pairs = append(pairs, [2]string{v.Class, v.Class + "-wash"}, [2]string{v.Class, "card"}, [2]string{"on-strong", v.Class})
	}
	for name, theme := range themes {
		for _, p := range pairs {
			if c := contrast(theme[p[0]], theme[p[1]]); !(c >= 4.5) {
				t.Errorf("%s: %s on %s has contrast %.2f", name, p[0], p[1], c)
			}
		}
	}
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(hex string) float64 {
	l := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		if len(hex) != 7 {
			return math.NaN()
		}
		n, _ := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}
