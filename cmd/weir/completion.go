package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help implements kong.HelpProvider.
func (completionCmd) Help() string {
	return `Examples:
  source <(weir completion bash)
  source <(weir completion zsh)
  weir completion fish | source`
}

// The scripts ask weir itself, by the hidden command complete, for what may come
// next.
var completionScripts = map[string]string{
	"bash": `_weir() {
  local IFS=$'\n'
  COMPREPLY=($(weir complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _weir weir
`,
	"zsh": `_weir() {
  compadd -- ${(f)"$(weir complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"}
}
compdef _weir weir
`,
	"fish": `complete -c weir -f -a '(weir complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
}

// Run runs the command.
func (c *completionCmd) Run(s *streams) error {
	_, err := fmt.Fprint(s.out, completionScripts[c.Shell])
	return err
}

type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run runs the command.
func (c *completeCmd) Run(s *streams, k *kong.Kong) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, w := range completions(k.Model.Node, words) {
		fmt.Fprintln(s.out, w)
	}
	return nil
}

// completions returns what the last of the words may become: commands, flags, or
// the values of a flag that has some to choose from.
func completions(node *kong.Node, words []string) (candidates []string) {
	last := ""
	if len(words) > 0 {
		last = words[len(words)-1]
		words = words[:len(words)-1]
	}
	for i, w := range words {
		for _, child := range node.Children {
			if child.Name == w {
				node = child
			}
		}
		if i == len(words)-1 {
			for _, f := range flags(node) {
				if "--"+f.Name == w && !f.IsBool() {
					return matching(f.EnumSlice(), last) // nothing to say of other values
				}
			}
		}
	}
	for _, child := range node.Children {
		if !child.Hidden {
			candidates = append(candidates, child.Name)
		}
	}
	if strings.HasPrefix(last, "-") {
		for _, f := range flags(node) {
			candidates = append(candidates, "--"+f.Name)
		}
	}
	return matching(candidates, last)
}

// flags returns those of a command and of the ones above it.
func flags(node *kong.Node) (all []*kong.Flag) {
	for ; node != nil; node = node.Parent {
		for _, f := range node.Flags {
			if !f.Hidden {
				all = append(all, f)
			}
		}
	}
	return all
}

func matching(words []string, prefix string) (kept []string) {
	for _, w := range words {
		if w != "" && strings.HasPrefix(w, prefix) {
			kept = append(kept, w)
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept)
}
