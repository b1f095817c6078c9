// Package browsertest gives tests a headless Chromium that notices what no page
// of ours may do.
package browsertest

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Browser is a Chromium that writes down what no page of ours may do: write to
// the console, or ask another host for something.
type Browser struct {
	t   *testing.T
	Ctx context.Context

	mu    sync.Mutex // guards all below
	said  []string
	hosts []string
}

// New starts one, which ends with the test. Without a Chromium the test is
// skipped; with CI=true it fails.
func New(t *testing.T) *Browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not in PATH: apt-get install chromium; CI needs one")
		}
		t.Skip("chromium is not in PATH: apt-get install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-component-update", true))
	if os.Geteuid() == 0 {
		opts = append(opts, chromedp.NoSandbox)
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	b := &Browser{t: t, Ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal("starting chromium: ", err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *Browser) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *log.EventEntryAdded:
		b.said = append(b.said, string(ev.Entry.Level)+": "+ev.Entry.Text)
	case *runtime.EventConsoleAPICalled:
		args, _ := json.Marshal(ev.Args)
		b.said = append(b.said, string(args))
	case *runtime.EventExceptionThrown:
		text, _ := json.Marshal(ev.ExceptionDetails)
		b.said = append(b.said, string(text))
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(ev.Request.URL); err == nil && !slices.Contains(b.hosts, u.Host) {
			b.hosts = append(b.hosts, u.Host)
		}
	}
}

// Quiet fails the test if the page did what it may not.
func (b *Browser) Quiet(srv string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.said) > 0 {
		b.t.Errorf("the console says %q", b.said)
	}
	u, _ := url.Parse(srv)
	if !slices.Equal(b.hosts, []string{u.Host}) {
		b.t.Errorf("requests went to %q, want only %s", b.hosts, u.Host)
	}
}

// Do runs steps.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.Ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// Until waits for a JavaScript condition.
func (b *Browser) Until(js string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.Ctx, chromedp.Poll[bool](js, chromedp.WithPollingTimeout(15*time.Second))); err != nil {
		text, _ := chromedp.Run(b.Ctx, chromedp.Evaluate[string]("document.body.innerText.slice(0, 400)"))
		b.t.Fatalf("waiting for %s: %v; the page says %q; console %q", js, err, text, b.said)
	}
}

// Eval returns the value of a JavaScript expression.
func Eval[T any](b *Browser, js string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.Ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// Dress sets the size of the window, a phone's below 600 pixels, and light or dark.
func (b *Browser) Dress(width, height int64, scheme string) {
	b.t.Helper()
	opts := []chromedp.EmulateViewportOption{}
	if width < 600 {
		opts = append(opts, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.Do(chromedp.EmulateViewport(width, height, opts...))
	_, err := chromedp.Call(b.Ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// Shot keeps a picture of the whole page for a person to look at, in the folder
// that WEIR_SHOTS names.
func (b *Browser) Shot(name string) {
	b.t.Helper()
	dir := os.Getenv("WEIR_SHOTS")
	if dir == "" {
		dir = b.t.ArtifactDir()
	}
	png, err := chromedp.Run(b.Ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
