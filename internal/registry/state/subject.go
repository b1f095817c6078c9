package state

import (
	"strings"
)

// DefaultContext is the context of subjects that name none.
const DefaultContext = "."

// global is the context whose config and mode hold in every other one.
const global = ":.__GLOBAL:"

// split takes a subject's name apart: ":.ctx:name" is in context ".ctx", "name"
// and ":.:name" in the default context. ":.ctx:" has no name: it stands for the
// context itself.
func split(subject string) (context, name string) {
	if !strings.HasPrefix(subject, ":.") {
		return DefaultContext, subject
	}
	context, name, _ = strings.Cut(subject[1:], ":")
	return context, name
}

// qualify is the inverse of split, in the form that the topic has.
func qualify(context, name string) string {
	if context == DefaultContext {
		return name
	}
	return ":" + context + ":" + name
}

// normalize gives each subject its one form: ":.:s" is "s".
func normalize(subject string) string { return qualify(split(subject)) }

// settingSubject is normalize for config and mode, where "" is the registry as a
// whole, which the default context is too.
func settingSubject(subject string) (string, error) {
	if subject == "" {
		return "", nil
	}
	context, name := split(subject)
	if control(subject) || strings.HasPrefix(subject, ":*") || name == "__GLOBAL" || name == "__EMPTY" {
		return "", badSubject(subject)
	}
	return qualify(context, name), nil
}

// validSubject returns the one form of a subject that may have versions. It
// refuses what Confluent's registry reserves, and what can not be shown.
func validSubject(subject string) (string, error) {
	context, name := split(subject)
	if name == "" || name == "__GLOBAL" || name == "__EMPTY" || context == ".__GLOBAL" ||
		strings.HasPrefix(subject, ":*:") || control(subject) {
		return "", badSubject(subject)
	}
	return qualify(context, name), nil
}

func control(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f && r <= 0x9f })
}

// within says whether a subject has a prefix as GET /subjects means it: ":*:"
// means every context, and what follows it is a prefix of the name in any; other
// prefixes are of the qualified name, so that "" and "a" are of the default context.
func within(subject, prefix string) bool {
	context, name := split(subject)
	if rest, ok := strings.CutPrefix(prefix, ":*:"); ok {
		return strings.HasPrefix(name, rest)
	}
	wantContext, wantName := split(prefix)
	return context == wantContext && strings.HasPrefix(name, wantName)
}
