package console

import (
	"slices"
	"time"
)

// actionsPage is who did what.
func actionsPage() *page {
	return made(page{
		route: "/ui/actions", label: "Actions", nav: true, section: "Actions", live: true,
		params: []param{text("target"), text("actor"), oneOf("via", "", "page", "api", "command"), text("system"), text("kind"), text("cluster"),
			oneOf("state", "", "asked", "done", "failed", "unknown"), text("from"), text("to"), text("cursor")},
		title: func(address) string { return "Actions" },
	}, func(a address) []question {
		return []question{asking[actionList]("actions", withQuery(apiPath("actions"), "target", a.get("target"), "actor", a.get("actor"), "via", a.get("via"), "system", a.get("system"), "kind", a.get("kind"), "cluster", a.get("cluster"),
			"state", a.get("state"), "from", place(a.get("from")), "to", place(a.get("to")), "cursor", a.get("cursor"), "limit", "100"))}
	}, actionsParts)
}

type actionsForm struct {
	Action, Target, Actor, Cluster, From, To string
	Kinds, States, Vias, Systems             []choice
	Clear                                    string
}

func actionsParts(a address, d answers, asOf time.Time) []part {
	f, p := framed[actionList](d, "actions", "Changes through weir", asOf)
	v := panelView{frame: f, Class: "steady"}
	v.Sum = "newest first"
	v.Grid.Cols = []column{plainCol("When (UTC)"), plainCol("State"), plainCol("Who"), plainCol("By"), plainCol("Part"), plainCol("What"), {Label: "On", Wide: true}, plainCol("Cluster"), {Label: "Reason", Wide: true}, {Label: "The change", Wide: true}}
	for _, x := range p.Data.Actions {
		b := actionState(x)
		state := cell{Badge: &b}
		switch took := x.took(); {
		case x.Error != "":
			state.Note = short(x.Error, 120)
		case took >= 0:
			state.Note = "after " + tenths(took.Milliseconds())
		}
		change := named(visible(string(x.Change)), 60, "")
		v.Grid.Rows = append(v.Grid.Rows, []cell{{Text: second(x.At.Time)}, state, named(x.Actor, 40, ""), named(x.Via, 12, ""), named(x.System, 24, ""), named(x.Kind, 24, ""), named(x.Target, 60, targetPath(x)),
			named(x.Cluster, 30, clusterLink(x.Cluster)), named(x.Reason, 120, ""), change})
	}
	if a.get("cursor") != "" {
		v.Pager.First = a.with("cursor", "").String()
	}
	if p.Data.Next != "" {
		v.Pager.Next = a.with("cursor", p.Data.Next).String()
	}
	form := actionsForm{Action: a.bare().String(), Target: a.get("target"), Actor: a.get("actor"), Cluster: a.get("cluster"), From: a.get("from"), To: a.get("to"),
		Kinds:   orOther(a.get("kind"), actionKinds...),
		States:  choices(a.get("state"), "", "any", "asked", "asked", "done", "done", "failed", "failed", "unknown", "unknown"),
		Vias:    choices(a.get("via"), "", "any", "page", "a page", "api", "the API", "command", "a command"),
		Systems: orOther(a.get("system"), "", "any", "fleet", "clusters", "registry", "schemas", "demo", "the demo")}
	if len(a.query) > 0 {
		form.Clear = a.bare().String()
	}
	if len(v.Grid.Rows) == 0 && p.Err == "" {
		if v.Empty = "Nobody has changed anything through weir yet."; form.Clear != "" {
			v.Empty = "No action is like that."
		}
	}
	return []part{titleView{frame: frame{Title: "Actions"}, Lines: []string{"Every change that was asked for through weir's pages, API and commands, with how it went. It is written down before it is made. What clients registered by themselves is in the history of each subject."}}.part(),
		{id: "filter", template: "actions-form", view: form}, v.part()}
}

// actionKinds are what can be asked for, with their words.
var actionKinds = []string{"", "any", "topic-create", "create a topic", "topic-config", "settings of a topic", "topic-alter", "partitions of a topic", "topic-delete", "delete a topic",
	"group-reset", "reset a group", "group-delete", "delete a group", "schema-register", "register a schema", "schema-delete", "delete schemas", "schema-config", "compatibility of schemas",
	"schema-mode", "mode of schemas", "schema-tag", "tag a schema", "schema-import", "import schemas", "schema-apply", "apply a folder of schemas", "schema-takeover", "take the registry over", "schema-handback", "hand the registry back"}

// orOther adds a value that is none of the choices: the log may hold others.
func orOther(value string, pairs ...string) []choice {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == value {
			return choices(value, pairs...)
		}
	}
	return choices(value, append(slices.Clone(pairs), value, short(value, 40))...)
}

// targetPath leads to what an action was about, if that may still be there.
func targetPath(x actionInfo) string {
	at := clusterLink(x.Cluster)
	switch {
	case x.Kind == "group-reset" && at != "":
		return uiPath("c", x.Cluster, "groups", x.Target)
	case slices.Contains([]string{"topic-create", "topic-config", "topic-alter"}, x.Kind) && at != "":
		return uiPath("c", x.Cluster, "topics", x.Target)
	case x.Kind == "schema-register":
		return subjectPath(x.Target)
	}
	return ""
}

func actionState(x actionInfo) badge {
	return badge{x.State, map[string]string{"asked": "open", "done": "complete", "failed": "lost", "unknown": "unknown"}[x.State]}.orUnknown()
}
