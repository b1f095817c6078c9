package registry

import (
	"net/http"

	"github.com/weirhq/weir/internal/registry/state"
)

func (s *Service) otherRoutes() []route {
	return []route{
		{"", "/{$}", getNothing, nil}, // behind a "GET /{$}" of pages
		{"GET", "/contexts", getContexts, nil},
		{"DELETE", "/contexts/{context}", nil, deleteContext},
		{"GET", "/v1/metadata/id", s.getClusterID, nil},
		{"GET", "/v1/metadata/version", s.getServerVersion, nil},
		// Of Karapace, whose clients wait for them.
		{"GET", "/master_available", s.getMasterAvailable, nil},
		{"GET", "/_health", s.getHealth, nil},
	}
}

func getNothing(_ *state.State, c *call) (any, error) {
	if c.Method != http.MethodGet && c.Method != http.MethodHead && c.Method != http.MethodPost {
		return nil, refused(http.StatusMethodNotAllowed, c.Method+" is not supported here.")
	}
	return struct{}{}, nil
}

func getContexts(st *state.State, c *call) (any, error) {
	return st.Contexts(c.param("contextPrefix"), c.page()), nil
}

func deleteContext(c *call) (state.Command, func(state.Reply) any, error) {
	return state.DeleteContext{Context: c.PathValue("context")}, nil, nil
}

func (s *Service) getClusterID(*state.State, *call) (any, error) {
	type scope struct {
		Path     []string          `json:"path"`
		Clusters map[string]string `json:"clusters"`
	}
	kafka := ""
	if s.on.Cluster != nil {
		kafka = s.on.Cluster.ID
	}
	return struct {
		ID    string `json:"id"`
		Scope scope  `json:"scope"`
	}{"", scope{[]string{}, map[string]string{"kafka-cluster": kafka, "schema-registry-cluster": "schema-registry"}}}, nil
}

func (s *Service) getServerVersion(*state.State, *call) (any, error) {
	return struct {
		Version  string `json:"version"`
		CommitID string `json:"commitId"`
	}{s.cfg.Version, ""}, nil
}

// getMasterAvailable says whether changes can be made now, here or by the leader.
// It is called with mu held.
func (s *Service) getMasterAvailable(*state.State, *call) (any, error) {
	available := s.local != nil || s.term != nil
	if s.lease != nil && !available {
		_, available = s.lease.Leader()
	}
	return momentary{struct {
		Available bool `json:"master_available"`
	}{available && s.refusal() == nil}}, nil
}

// getHealth says whether this process keeps up with the topic.
func (s *Service) getHealth(*state.State, *call) (any, error) {
	if !s.running {
		return nil, refused(http.StatusServiceUnavailable, "This process does not follow the schemas topic.")
	}
	return struct {
		Status string `json:"status"`
		Ready  bool   `json:"schema_registry_ready"`
	}{"ok", true}, nil
}
