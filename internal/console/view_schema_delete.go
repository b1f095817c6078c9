package console

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

func schemaDeletePage() *page {
	title := func(a address) string {
		if v := a.get("version"); v != "" {
			return "Delete version " + v + " of " + short(a.vars["subject"], 60)
		}
		return "Delete " + short(a.vars["subject"], 60)
	}
	return made(page{route: "/ui/registry/subjects/{subject}/delete", section: "Schemas", params: []param{digitsParam("version"), oneOf("permanent", "", "1")}, title: title},
		func(a address) []question {
			c := schemaChange{Kind: changeDelete, Subject: a.vars["subject"], Permanent: a.get("permanent") != ""}
			fmt.Sscan(a.get("version"), &c.Version) // digits
			return []question{planningSchema(c), askingUsage(c.Subject, usageTimes)}
		}, func(a address, d answers, asOf time.Time) []part {
			if d.missing() {
				return []part{nothing("There is no such subject", of[schemaPlan](d, "plan").Err)}
			}
			t := titleView{frame: frame{Title: title(a)}, Full: a.vars["subject"], Lines: []string{"Deleted softly, a schema is not listed any more and is still found by its id, so records can be read. Deleted for good, records with its id can not be read any more."}}
			t.Links = []linkView{{subjectPath(a.vars["subject"], "version", a.get("version")), "Look at it"}, {a.with("permanent", "1").String(), "Delete it for good instead"}}
			if a.get("permanent") != "" {
				t.Links = []linkView{{a.with("permanent", "").String(), "Delete it softly instead"}}
			}
			parts := append([]part{t.part()}, schemaPlanParts(a, d)...)
			return append(parts, usageParts(d, asOf)...)
		})
}

// maxReferrers bounds how many versions are asked for who refers to them, and
// maxReferred how many of those are named.
const (
	maxReferrers = 50
	maxReferred  = 10
)

// planDelete says which versions go, what refers to them, and what goes with them.
func (a api) planDelete(ctx context.Context, p *schemaPlan) error {
	c := p.change
	var all, live []int64
	if err := a.get(ctx, subjectsPath(c.Subject, "versions")+"?deleted=true", &all); err != nil {
		return err
	}
	if err := a.get(ctx, subjectsPath(c.Subject, "versions"), &live); err != nil && !notFound(err) {
		return err
	}
	goes, err := c.goes(all, live)
	if err != nil {
		return err
	}
	p.Kind, p.Danger = "delete", c.Permanent
	if c.Version > 0 {
		p.Kind = fmt.Sprintf("delete version %d of", c.Version)
	}
	after := "deleted softly"
	if c.Permanent {
		p.Kind, after = strings.Replace(p.Kind, "delete", "delete for good", 1), "gone for good"
		p.Warnings = append(p.Warnings, "Records that carry their ids can not be read any more.")
	}
	for _, v := range goes {
		before := "live"
		if !slices.Contains(live, v) {
			before = "deleted softly"
		}
		p.Steps = append(p.Steps, stepInfo{On: p.Target, What: fmt.Sprintf("version %d", v), Before: before, After: after})
	}
	p.stays = slices.ContainsFunc(live, func(v int64) bool { return !slices.Contains(goes, v) })
	if !p.stays && !c.Permanent {
		if err := a.planOwnSettings(ctx, p); err != nil {
			return err
		}
	}
	return a.planReferrers(ctx, p, goes)
}

// goes returns the versions that c deletes. The registry deletes for good only what is
// softly deleted already.
func (c schemaChange) goes(all, live []int64) (out []int64, err error) {
	for _, v := range all {
		if c.Version == 0 || v == c.Version {
			isLive := slices.Contains(live, v)
			if isLive && c.Permanent {
				return nil, fmt.Errorf("version %d is live: only what is deleted softly can be deleted for good, so that is first", v)
			}
			if isLive || c.Permanent {
				out = append(out, v)
			}
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case c.Version > 0 && !slices.Contains(all, c.Version):
		return nil, fmt.Errorf("there is no version %d", c.Version)
	}
	return nil, fmt.Errorf("that is deleted softly already; what is left is to delete it for good")
}

// planOwnSettings says that a subject's own settings go with its last live version.
func (a api) planOwnSettings(ctx context.Context, p *schemaPlan) error {
	for _, s := range []struct{ what, field string }{{"config", "compatibilityLevel"}, {"mode", "mode"}} {
		own, err := a.own(ctx, s.what, p.change.Subject)
		if err != nil {
			return err
		}
		if value, ok := own[s.field].(string); ok {
			p.Steps = append(p.Steps, stepInfo{On: p.Target, What: "its own " + strings.Replace(s.what, "config", "compatibility", 1), Before: value, After: "-", Note: "goes with the last version"})
		}
	}
	return nil
}

// planReferrers warns of schemas that name what goes: the registry refuses to delete
// that.
func (a api) planReferrers(ctx context.Context, p *schemaPlan, goes []int64) error {
	named := int64(0)
	for i, v := range slices.Backward(goes) {
		if len(goes)-i > maxReferrers {
			p.Warnings = append(p.Warnings, fmt.Sprintf("Only the newest %d versions were asked for what names them in its references.", maxReferrers))
			break
		}
		var ids []int64
		if err := a.get(ctx, subjectsPath(p.change.Subject, "versions", fmt.Sprint(v), "referencedby"), &ids); err != nil && !notFound(err) {
			return err
		}
		for _, id := range ids {
			var uses []schemaUse
			_ = a.get(ctx, withQuery(fmt.Sprintf("/schemas/ids/%d/versions", id), "subject", p.change.Subject), &uses) // its id says enough
			other := slices.ContainsFunc(uses, func(u schemaUse) bool { return u.Subject != p.change.Subject })
			if p.change.Version == 0 && len(uses) > 0 && !other {
				continue // goes too
			}
			if named++; named > maxReferred {
				p.Warnings = append(p.Warnings, "There are more that are named in references.")
				return nil
			}
			p.Warnings = append(p.Warnings, fmt.Sprintf("Version %d is named in the references of schema id %d%s: the registry refuses until that is deleted.", v, id, usesLine(uses)))
		}
	}
	return nil
}

func usesLine(uses []schemaUse) string {
	var words []string
	for _, u := range uses[:min(len(uses), 3)] {
		words = append(words, fmt.Sprintf("version %d of %s", u.Version, plain(short(u.Subject, 80))))
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}
