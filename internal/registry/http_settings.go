package registry

import (
	"encoding/json"
	"slices"

	"github.com/weirhq/weir/internal/registry/state"
	"github.com/weirhq/weir/internal/wire"
)

func (s *Service) settingRoutes() (list []route) {
	for _, at := range []string{"", "/{subject}"} {
		list = append(list,
			route{"GET", "/config" + at, getConfig, nil},
			route{"PUT", "/config" + at, nil, putConfig},
			route{"DELETE", "/config" + at, nil, deleteConfig},
			route{"GET", "/mode" + at, getMode, nil},
			route{"PUT", "/mode" + at, nil, putMode},
			route{"DELETE", "/mode" + at, nil, deleteMode})
	}
	return list
}

// configReply is a config. What GET calls compatibilityLevel PUT calls compatibility.
type configReply struct {
	config wire.SchemasSetting
	level  string // its name
}

func (r configReply) appendJSON(dst []byte) []byte {
	c := r.config
	level := c.CompatibilityLevel
	c.Subject, c.Unknown, c.CompatibilityLevel = "", nil, ""
	if level != "" {
		value, _ := json.Marshal(level)
		c.Unknown = []wire.SchemaProperty{{Name: r.level, Value: value}}
	}
	return wire.AppendSchemasSetting(dst, c)
}

func getConfig(st *state.State, c *call) (any, error) {
	config, err := st.Config(c.PathValue("subject"), c.flag("defaultToGlobal"))
	return configReply{config, "compatibilityLevel"}, err
}

// putConfig sets what the body has, unsets what is null there, and leaves the rest.
func putConfig(c *call) (state.Command, func(state.Reply) any, error) {
	var fields map[string]json.RawMessage
	if err := c.decode(&fields); err != nil {
		return nil, nil, err
	}
	cmd := state.SetConfig{Subject: c.PathValue("subject")}
	if level, ok := fields["compatibility"]; ok {
		fields["compatibilityLevel"] = level
		delete(fields, "compatibility")
	}
	for name, raw := range fields {
		if string(raw) == "null" {
			cmd.Clear = append(cmd.Clear, name)
		}
	}
	slices.Sort(cmd.Clear)
	delete(fields, "subject")
	body, err := json.Marshal(fields)
	if err == nil {
		cmd.Change, err = wire.ParseSchemasSetting(body)
	}
	if err != nil {
		return nil, nil, refused(400, "reading the request: "+err.Error())
	}
	cmd.Change.Unknown = nil
	return cmd, func(r state.Reply) any { return configReply{r.Config, "compatibility"} }, nil
}

func deleteConfig(c *call) (state.Command, func(state.Reply) any, error) {
	return state.DeleteConfig{Subject: c.PathValue("subject")}, func(r state.Reply) any { return configReply{r.Config, "compatibilityLevel"} }, nil
}

type modeReply struct {
	Mode string `json:"mode"`
}

func asMode(r state.Reply) any { return modeReply{r.Mode} }

func getMode(st *state.State, c *call) (any, error) {
	mode, err := st.Mode(c.PathValue("subject"), c.flag("defaultToGlobal"))
	return modeReply{mode}, err
}

func putMode(c *call) (state.Command, func(state.Reply) any, error) {
	var request modeReply
	err := c.decode(&request)
	return state.SetMode{Subject: c.PathValue("subject"), Mode: request.Mode, Force: c.flag("force")}, asMode, err
}

func deleteMode(c *call) (state.Command, func(state.Reply) any, error) {
	return state.DeleteMode{Subject: c.PathValue("subject"), Recursive: c.flag("recursive")}, asMode, nil
}
