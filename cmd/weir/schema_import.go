package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/weirhq/weir/internal/registry"
	"github.com/weirhq/weir/internal/registry/remote"
)

type schemaImportCmd struct {
	changesRegistry `embed:""`
	File            string `arg:"" help:"What weir schema export has written; - is stdin."`
}

// Help implements kong.HelpProvider.
func (schemaImportCmd) Help() string {
	return `Registers every version under its id and number. Each subject is in mode IMPORT meanwhile, so it must have no live
version, or those that the file has, which are left as they are: an import that broke off goes on. weir's registry gets
back the modes that its subjects had; should the import break off, weir schema mode SUBJECT --unset does that.

Examples:
  weir schema import schemas.jsonl
  weir schema import schemas.jsonl --yes --registry http://registry:8081`
}

// Run runs the command.
func (c *schemaImportCmd) Run(ctx context.Context, s *streams) error {
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	want, err := readExport(in)
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.File, err)
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if weir, err := isWeir(ctx, client); err != nil {
		return c.better(err)
	} else if weir {
		return c.send(ctx, s, client, want)
	}
	plan, err := planImport(ctx, client, want)
	if err != nil {
		return c.better(err)
	}
	return c.make(ctx, s, func(ctx context.Context) error { return plan.do(ctx, client) },
		"register %d versions of %d subjects, set %d settings; %d versions are there", len(plan.versions), len(plan.subjects), len(plan.settings), plan.there)
}

// isWeir says whether a registry has weir's own API.
func isWeir(ctx context.Context, client *remote.Client) (bool, error) {
	err := client.Do(ctx, "GET", "/api/v1/registry/status", nil, nil, nil)
	if refused := (*remote.Error)(nil); errors.As(err, &refused) && refused.Status < 500 {
		return false, nil
	}
	return err == nil, err
}

const (
	importPiece = 4 << 20         // bytes of one request
	importTime  = 6 * time.Minute // for one: weir gives itself 5
)

// send has weir import, which sets the modes itself. A subject whose versions are in
// two pieces is opened twice.
func (c *schemaImportCmd) send(ctx context.Context, s *streams, client *remote.Client, want remote.Snapshot) error {
	pieces, err := piecesOf(want)
	if err != nil {
		return err
	}
	client.Timeout = importTime
	var sum registry.ImportAnswer
	subjects := map[string]bool{}
	for i, piece := range pieces {
		a, err := importTo(ctx, client, piece, true)
		if err == nil && len(pieces) == 1 { // others may need what those before them bring
			err = failedLines(a)
		}
		if err != nil {
			return c.better(fmt.Errorf("%w (piece %d of %d)", err, i+1, len(pieces)))
		}
		sum.Versions, sum.Settings, sum.There = sum.Versions+a.Versions, sum.Settings+a.Settings, sum.There+a.There
		for _, m := range a.Modes {
			subjects[m.Subject] = true
		}
	}
	return c.make(ctx, s, func(ctx context.Context) error {
		told, stop := s.waiting(c.Output, "importing, piece")
		defer stop()
		for i, piece := range pieces {
			told(int64(i+1), int64(len(pieces)))
			a, err := importTo(ctx, client, piece, false)
			if err == nil {
				err = failedLines(a)
			}
			if err != nil {
				return fmt.Errorf("piece %d of %d: %w", i+1, len(pieces), err)
			}
		}
		return nil
	}, "register %d versions of %d subjects, set %d settings; %d versions are there", sum.Versions, len(subjects), sum.Settings, sum.There)
}

func importTo(ctx context.Context, client *remote.Client, piece []byte, try bool) (a registry.ImportAnswer, err error) {
	query := url.Values{"mode": {"set"}, "dryRun": {strconv.FormatBool(try)}}
	return a, client.Do(ctx, "POST", "/api/v1/registry/import", query, piece, &a)
}

// failedLines is an error if lines were not taken.
func failedLines(a registry.ImportAnswer) error {
	if a.Failed == 0 {
		return nil
	}
	words := fmt.Sprintf("%d of %d lines can not be taken", a.Failed, a.Lines)
	for _, e := range a.Errors[:min(3, len(a.Errors))] {
		words += fmt.Sprintf("; %s: %s", e.Subject, e.Message)
	}
	return errors.New(words)
}

// piecesOf writes an export again, cut between lines. What holds for the registry as a
// whole is not the file's to say.
func piecesOf(want remote.Snapshot) (pieces [][]byte, err error) {
	var piece []byte
	add := func(line any) {
		text, failed := json.Marshal(line)
		if err = errors.Join(err, failed); len(piece) > 0 && len(piece)+len(text) >= importPiece {
			pieces, piece = append(pieces, piece), nil
		}
		piece = append(append(piece, text...), '\n')
	}
	for _, v := range referencesFirst(want.Versions) {
		add(v)
	}
	for _, set := range want.Settings {
		if set.Subject == "" {
			continue
		}
		if set.Config != nil {
			add(remote.Setting{Subject: set.Subject, Config: set.Config})
		}
		if set.Mode != "" {
			add(remote.Setting{Subject: set.Subject, Mode: set.Mode})
		}
	}
	if len(piece) > 0 {
		pieces = append(pieces, piece)
	}
	return pieces, err
}

func readExport(in io.Reader) (s remote.Snapshot, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		var v remote.Schema
		var set remote.Setting
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return s, fmt.Errorf("line %d: %w", n, err)
		}
		if v.Schema != "" {
			if v.Version < 1 || v.ID < 1 || v.Subject == "" {
				return s, fmt.Errorf("line %d: a schema without subject, version or id", n)
			}
			s.Versions = append(s.Versions, v)
		} else if err := json.Unmarshal(lines.Bytes(), &set); err == nil && (set.Config != nil || set.Mode != "") {
			s.Settings = append(s.Settings, set)
		} else {
			return s, fmt.Errorf("line %d: neither a schema nor a setting", n)
		}
	}
	return s, lines.Err()
}

// importPlan is what an import has to do. A subject in mode IMPORT is one that an
// import which broke off has left: that one is seen through. So its mode goes last,
// behind the deletions.
type importPlan struct {
	subjects []string // that get versions, or are left in mode IMPORT
	versions []remote.Schema
	deleted  []remote.Schema // softly, in the order of versions
	settings []remote.Setting
	there    int
}

// planImport compares an export with what a registry has.
func planImport(ctx context.Context, client *remote.Client, want remote.Snapshot) (p importPlan, err error) {
	have, unfinished := map[string][]remote.Schema{}, map[string]bool{}
	for _, v := range referencesFirst(want.Versions) {
		if _, asked := have[v.Subject]; !asked {
			if have[v.Subject], err = client.All(ctx, v.Subject); err != nil {
				return p, err
			}
			mode, err := client.Mode(ctx, v.Subject)
			if err != nil {
				return p, err
			}
			if unfinished[v.Subject] = mode == "IMPORT"; mode == "IMPORT" {
				p.subjects = append(p.subjects, v.Subject)
			}
		}
		i := slices.IndexFunc(have[v.Subject], func(h remote.Schema) bool { return h.Version == v.Version })
		if i < 0 {
			p.versions = append(p.versions, v)
			if !slices.Contains(p.subjects, v.Subject) {
				p.subjects = append(p.subjects, v.Subject)
			}
			if v.Deleted {
				p.deleted = append(p.deleted, v)
			}
			continue
		}
		if h := have[v.Subject][i]; h.ID != v.ID || h.Schema != v.Schema {
			return p, fmt.Errorf("version %d of %s is there with id %d, and is another one; nothing was changed", v.Version, v.Subject, h.ID)
		}
		if v.Deleted && !have[v.Subject][i].Deleted && unfinished[v.Subject] {
			p.deleted = append(p.deleted, v)
		}
		p.there++
	}
	for _, set := range want.Settings {
		if set.Subject != "" { // what holds for the registry as a whole is not the file's to say
			p.settings = append(p.settings, set)
		}
	}
	return p, nil
}

func (p importPlan) do(ctx context.Context, client *remote.Client) error {
	for _, subject := range p.subjects {
		if err := client.SetMode(ctx, subject, "IMPORT", true); err != nil {
			return fmt.Errorf("setting mode IMPORT for %s: %w", subject, err)
		}
	}
	for _, v := range p.versions {
		if _, err := client.Register(ctx, v.Subject, v, false, false); err != nil {
			return fmt.Errorf("registering version %d of %s: %w; the same import again goes on", v.Version, v.Subject, err)
		}
	}
	for _, v := range slices.Backward(p.deleted) { // what refers to others goes before them
		if err := client.DeleteVersion(ctx, v.Subject, v.Version, false); err != nil {
			return fmt.Errorf("deleting version %d of %s: %w; the same import again goes on", v.Version, v.Subject, err)
		}
	}
	for _, subject := range p.subjects { // with its last live version it is gone already
		if err := client.DeleteMode(ctx, subject); err != nil && !remote.Is(err, remote.NoSubject, remote.NoMode) {
			return fmt.Errorf("unsetting mode IMPORT of %s: %w", subject, err)
		}
	}
	return p.set(ctx, client)
}

func (p importPlan) set(ctx context.Context, client *remote.Client) error {
	for _, set := range p.settings {
		if set.Config != nil {
			change := map[string]any{}
			for name, value := range set.Config {
				if name == "compatibilityLevel" { // as GET calls it
					name = "compatibility"
				}
				change[name] = value
			}
			if err := client.SetConfig(ctx, set.Subject, change); err != nil {
				return fmt.Errorf("setting the config of %s: %w", set.Subject, err)
			}
		}
		if set.Mode != "" {
			if err := client.SetMode(ctx, set.Subject, set.Mode, true); err != nil {
				return fmt.Errorf("setting the mode of %s: %w", set.Subject, err)
			}
		}
	}
	return nil
}
