package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirhq/weir/internal/actions"
	"github.com/weirhq/weir/internal/cluster"
	"github.com/weirhq/weir/internal/web"
)

// Listed is what every list says beside its rows.
type Listed struct {
	Total     int      `json:"total" doc:"How many rows the filter leaves."`
	Next      string   `json:"next" doc:"The cursor of the next page, empty if this is the last."`
	AgeMillis int64    `json:"age_ms" doc:"How old this is."`
	Problems  []string `json:"problems" doc:"What is missing, and why."`
}

// ClusterList is the answer of GET /api/v1/clusters.
type ClusterList struct {
	Clusters []ClusterSummary `json:"clusters"`
	Problems []string         `json:"problems"`
}

// BrokerList is the brokers of a cluster.
type BrokerList struct {
	Brokers []BrokerRow `json:"brokers"`
	Listed
}

// BrokerAnswer is one broker.
type BrokerAnswer struct {
	BrokerRow
	Configs    []ConfigRow       `json:"configs"`
	Partitions []BrokerPartition `json:"partitions"`
	Listed
}

// ClusterTopics is topics of a cluster.
type ClusterTopics struct {
	Topics []TopicRow `json:"topics"`
	Listed
}

// TopicAnswer is one topic.
type TopicAnswer struct {
	TopicDetail
	Configs []ConfigRow `json:"configs"`
	Groups  []GroupLag  `json:"groups" doc:"Those with offsets on it."`
	Listed
}

// ProducerList is the producers of a topic.
type ProducerList struct {
	Producers []ProducerRow `json:"producers"`
	Listed
}

// GroupList is groups of a cluster.
type GroupList struct {
	Groups []GroupRow `json:"groups"`
	Listed
}

// GroupAnswer is one group.
type GroupAnswer struct {
	GroupRow
	Members []GroupMember    `json:"members"`
	Rows    []GroupPartition `json:"rows"`
	Listed
}

// ClusterInput names a cluster. It is exported, as the other parts of inputs are,
// because huma does not look into those that are not.
type ClusterInput struct {
	Cluster string `path:"cluster"`
}

// ListInput is what lists take.
type ListInput struct {
	ClusterInput
	web.Paging
	Contains string `query:"contains" doc:"Only rows whose name contains this, in upper or lower case."`
	Order    string `query:"order" enum:"asc,desc" default:"asc"`
}

func (in *ListInput) query(sort string) Query {
	return Query{Contains: in.Contains, Sort: sort, Desc: in.Order == "desc", Limit: in.Limit, Cursor: in.Cursor}
}

type topicsInput struct {
	ListInput
	Sort     string `query:"sort" enum:"name,records,bytes,rate,bytes_rate,partitions,groups,problems" default:"name" doc:"rate: records per second. bytes_rate: bytes per second, so that with order=desc the topic that grows fastest is the first."`
	Internal bool   `query:"internal" default:"true" doc:"Also topics that are Kafka's or whose name begins with an underscore."`
}

type groupsInput struct {
	ListInput
	Sort string `query:"sort" enum:"name,lag,members,state" default:"name"`
}

type topicInput struct {
	ClusterInput
	web.Paging
	Topic string `path:"topic"`
}

type groupInput struct {
	ClusterInput
	web.Paging
	Group string `path:"group"`
}

type brokerInput struct {
	ClusterInput
	web.Paging
	ID int32 `path:"id"`
}

// ByInput is what changes take.
type ByInput struct {
	ClusterInput
	Actor  string `header:"X-Weir-Actor" maxLength:"200" doc:"Who asks, for the actions log. Default: the client's address."`
	Via    string `header:"X-Weir-Via" enum:"page,api,command" default:"api"`
	remote string
}

// Resolve implements huma.Resolver.
func (in *ByInput) Resolve(ctx huma.Context) []error {
	in.remote = ctx.RemoteAddr()
	return nil
}

func (in *ByInput) by() By {
	host, _, err := net.SplitHostPort(in.remote)
	if err != nil {
		host = in.remote
	}
	return By{Actor: cmp.Or(in.Actor, host, "unknown"), Via: in.Via}
}

type planInput struct {
	ByInput
	Body Change
}

// Planned is a change as it was planned.
type Planned struct {
	Change   Change `json:"change" doc:"That of the plan."`
	PlanHash string `json:"plan_hash" doc:"That of the plan."`
}

type applyInput struct {
	ByInput
	Body Planned
}

type answer[T any] struct{ Body T }

func get[I, T any](api huma.API, id, path, summary string, ask func(context.Context, *I) (T, error)) {
	register(api, http.MethodGet, id, path, summary, ask)
}

// register adds an operation whose errors may be Refusals.
func register[I, T any](api huma.API, method, id, path, summary string, ask func(context.Context, *I) (T, error)) {
	op := huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"clusters"}, MaxBodyBytes: -1} // web bounds it
	huma.Register(api, op, func(ctx context.Context, in *I) (*answer[T], error) {
		body, err := ask(ctx, in)
		if err != nil {
			return nil, apiError(err)
		}
		return &answer[T]{body}, nil
	})
}

// Register adds the operations about clusters to the API.
func (f *Fleet) Register(api huma.API) {
	const one = "/api/v1/clusters/{cluster}"
	get(api, "clusters", "/api/v1/clusters", "Every cluster, home first", f.getClusters)
	get(api, "cluster-brokers", one+"/brokers", "The brokers of a cluster", f.getBrokers)
	get(api, "cluster-broker", one+"/brokers/{id}", "One broker with its settings and partitions", f.getBroker)
	get(api, "cluster-topics", one+"/topics", "The topics of a cluster", f.getTopics)
	get(api, "cluster-topic", one+"/topics/{topic}", "One topic with its partitions, settings and groups", f.getTopic)
	get(api, "cluster-topic-producers", one+"/topics/{topic}/producers", "The producers and open transactions of a topic", f.getProducers)
	get(api, "cluster-groups", one+"/groups", "The groups of a cluster", f.getGroups)
	get(api, "cluster-group", one+"/groups/{group}", "One group with its members and offsets", f.getGroup)
	get(api, "fleet-events", "/api/v1/fleet/events", "What was seen to change in any cluster, the newest first", f.getEvents)
	register(api, http.MethodPost, "cluster-plan", one+"/plan", "What a change would do; changes nothing", f.postPlan)
	register(api, http.MethodPost, "cluster-apply", one+"/apply", "Make a change that was planned", f.postApply)
}

// statuses are those of refusals.
var statuses = map[string]int{
	"bad_cursor": http.StatusBadRequest, "bad_request": http.StatusBadRequest, "not_found": http.StatusNotFound, "exists": http.StatusConflict, "group_active": http.StatusConflict,
	"unavailable": http.StatusServiceUnavailable,
}

// planChangedError is an error of the API that carries the new plan.
type planChangedError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field"`
	Hint    string `json:"hint"`
	Plan    Plan   `json:"plan" doc:"What the change would do now."`
}

// Error implements error.
func (e *planChangedError) Error() string { return e.Message }

// GetStatus implements huma.StatusError.
func (e *planChangedError) GetStatus() int { return http.StatusConflict }

// partlyDoneError is an error of the API that carries what was done.
type partlyDoneError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field"`
	Hint    string `json:"hint"`
	Result  Result `json:"result" doc:"What was not done, and the undo of what was."`
}

// Error implements error.
func (e *partlyDoneError) Error() string { return e.Message }

// GetStatus implements huma.StatusError.
func (e *partlyDoneError) GetStatus() int { return http.StatusBadGateway }

// apiError says an error as the API does.
func apiError(err error) error {
	var refusal *Refusal
	var changed *PlanChanged
	var partly *PartlyDone
	var known *web.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refusal):
		return &web.Error{Status: cmp.Or(statuses[refusal.Code], http.StatusUnprocessableEntity), Code: refusal.Code, Field: refusal.Field, Message: refusal.Message, Hint: refusal.Hint}
	case errors.As(err, &changed):
		return &planChangedError{Code: "plan_changed", Message: changed.Error(), Hint: "look at the new plan, and apply that one", Plan: changed.Plan}
	case errors.As(err, &partly):
		return &partlyDoneError{Code: "partly_done", Message: partly.Error(), Hint: "plan result.left to do the rest; result.undo, if there is one, takes back what was done", Result: partly.Result}
	case errors.Is(err, actions.ErrUnavailable):
		return &web.Error{Status: http.StatusServiceUnavailable, Code: "actions_log_unavailable", Message: err.Error(), Hint: "the log is on the home cluster: is that up?"}
	}
	// The cluster's words: those who ask may change it, and need them.
	return &web.Error{Status: http.StatusBadGateway, Code: "cluster_error", Message: err.Error(), Hint: "look at GET /api/v1/clusters for what is wrong with it, and try again"}
}

// member returns a cluster and its newest view, or the API's error.
func (f *Fleet) member(name string) (*member, *view, error) {
	m, ok := f.byName[name]
	if !ok {
		return nil, nil, web.NotFound(fmt.Sprintf("there is no cluster %q", name), "there are: "+strings.Join(slices.Sorted(maps.Keys(f.byName)), ", "))
	}
	st := m.state()
	if st.view == nil {
		hint := "it has not been asked yet; try again"
		if st.err != nil {
			hint = st.err.Error()
		}
		return nil, nil, &web.Error{Status: http.StatusServiceUnavailable, Code: "cluster_down", Message: fmt.Sprintf("nothing is known of cluster %s yet", name), Hint: hint}
	}
	return m, st.view, nil
}

// listed says how old a view is and what it misses.
func (m *member) listed(v *view) Listed {
	l := Listed{AgeMillis: v.snapshot.Age(time.Now()).Milliseconds(), Problems: v.problems()}
	if err := m.state().err; err != nil {
		l.Problems = append(l.Problems, err.Error())
	}
	return l
}

func (l *Listed) missing(what string, err error) {
	if err != nil {
		l.Problems = append(l.Problems, fmt.Sprintf("%s: %v", what, err))
	}
}

// slice cuts the page out of rows that are in the order of key.
func slice[T any](l *Listed, p web.Paging, rows []T, key func(T) string) ([]T, error) {
	page, next, err := web.Page(p, rows, key)
	if err != nil {
		return nil, &Refusal{Code: "bad_cursor", Field: "cursor", Message: "this is no cursor of this list", Hint: "leave it out to begin"}
	}
	l.Total, l.Next = len(rows), next
	return append([]T{}, page...), nil
}

func (f *Fleet) getClusters(context.Context, *struct{}) (ClusterList, error) {
	a := ClusterList{Clusters: []ClusterSummary{}, Problems: []string{}}
	now := time.Now()
	for _, m := range f.members {
		a.Clusters = append(a.Clusters, m.summary(now))
	}
	return a, nil
}

func (f *Fleet) getBrokers(_ context.Context, in *ClusterInput) (a BrokerList, err error) {
	m, v, err := f.member(in.Cluster)
	if err != nil {
		return a, err
	}
	a.Brokers, a.Listed = BrokerRows(v.snapshot), m.listed(v)
	a.Total = len(a.Brokers)
	return a, nil
}

func (f *Fleet) getBroker(ctx context.Context, in *brokerInput) (a BrokerAnswer, err error) {
	m, v, err := f.member(in.Cluster)
	if err != nil {
		return a, err
	}
	rows := BrokerRows(v.snapshot)
	i := slices.IndexFunc(rows, func(b BrokerRow) bool { return b.ID == in.ID })
	if i < 0 {
		return a, web.NotFound(fmt.Sprintf("cluster %s has no broker %d", in.Cluster, in.ID), fmt.Sprintf("GET /api/v1/clusters/%s/brokers lists them", in.Cluster))
	}
	a.BrokerRow, a.Listed = rows[i], m.listed(v)
	ctx, cancel := context.WithTimeout(ctx, panelTimeout)
	defer cancel()
	entries, err := m.BrokerConfigs(ctx, in.ID)
	a.missing("settings", err)
	a.Configs = Configs(entries)
	a.Partitions, err = slice(&a.Listed, in.Paging, brokerPartitions(v.snapshot, in.ID), func(p BrokerPartition) string { return place(p.Topic, p.Partition) })
	return a, err
}

// place is a key that puts partitions in order.
func place(topic string, partition int32) string { return fmt.Sprintf("%s\x00%010d", topic, partition) }

func (f *Fleet) getTopics(_ context.Context, in *topicsInput) (a ClusterTopics, err error) {
	m, v, err := f.member(in.Cluster)
	if err != nil {
		return a, err
	}
	var keep func(*TopicRow) bool
	if !in.Internal {
		keep = func(r *TopicRow) bool { return !r.Internal && !strings.HasPrefix(r.Name, "_") }
	}
	page, err := v.topics.page(in.query(in.Sort), keep)
	a.Topics, a.Listed = page.Rows, m.listed(v)
	a.Total, a.Next = page.Total, page.Next
	return a, err
}

// topic returns a topic of a view, or the API's error, which names the nearest.
func (v *view) topic(name string) (*cluster.TopicState, error) {
	if t := v.snapshot.Topic(name); t != nil {
		return t, nil
	}
	hint := fmt.Sprintf("GET /api/v1/clusters/%s/topics lists them", v.snapshot.Cluster)
	return nil, web.NotFound(fmt.Sprintf("cluster %s has no topic %q", v.snapshot.Cluster, name), nearest(name, v.topics.names, hint))
}

func (f *Fleet) getTopic(ctx context.Context, in *topicInput) (a TopicAnswer, err error) {
	m, v, err := f.member(in.Cluster)
	if err != nil {
		return a, err
	}
	t, err := v.topic(in.Topic)
	if err != nil {
		return a, err
	}
	a.TopicDetail, a.Listed = DescribeTopic(t), m.listed(v)
	a.TopicRow = *v.topics.find(in.Topic)
	a.Groups = m.groupsOn(in.Topic, &a.Listed)
	ctx, cancel := context.WithTimeout(ctx, panelTimeout)
	defer cancel()
	entries, err := m.TopicConfigs(ctx, in.Topic)
	a.missing("settings", err)
	a.Configs = Configs(entries)
	a.Rows, err = slice(&a.Listed, in.Paging, a.Rows, func(r PartitionRow) string { return place("", r.ID) })
	return a, err
}

func (m *member) groupsOn(topic string, l *Listed) []GroupLag {
	g := m.state().groups
	if g == nil {
		l.Problems = append(l.Problems, "groups: not asked yet")
		return []GroupLag{}
	}
	l.Problems = append(l.Problems, g.problems...)
	return append([]GroupLag{}, g.byTopic[topic]...)
}

func (f *Fleet) getProducers(ctx context.Context, in *topicInput) (a ProducerList, err error) {
	m, v, err := f.member(in.Cluster)
	if err != nil {
		return a, err
	}
	t, err := v.topic(in.Topic)
	if err != nil {
		return a, err
	}
	a.Listed = Listed{Problems: []string{}}
	ctx, cancel := context.WithTimeout(ctx, panelTimeout)
	defer cancel()
	rows, errs := m.producers(ctx, t)
	for _, e := range errs {
		a.missing("producers", e)
	}
	a.Producers, err = slice(&a.Listed, in.Paging, rows, func(r ProducerRow) string { return fmt.Sprintf("%010d.%020d", r.Partition, r.ProducerID) })
	return a, err
}

func (f *Fleet) getGroups(_ context.Context, in *groupsInput) (a GroupList, err error) {
	m, _, err := f.member(in.Cluster)
	if err != nil {
		return a, err
	}
	a.Groups = []GroupRow{}
	g := m.state().groups
	if g == nil {
		a.Listed = Listed{AgeMillis: -1, Problems: []string{"groups: not asked yet"}}
		return a, nil
	}
	page, err := g.list.page(in.query(in.Sort), nil)
	a.Listed = Listed{page.Total, page.Next, time.Since(g.at).Milliseconds(), append([]string{}, g.problems...)}
	for _, row := range page.Rows {
		a.Groups = append(a.Groups, row.GroupRow)
	}
	return a, err
}

func (f *Fleet) getGroup(ctx context.Context, in *groupInput) (a GroupAnswer, err error) {
	m, v, err := f.member(in.Cluster)
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, panelTimeout)
	defer cancel()
	a.Listed = m.listed(v)
	var rows []GroupPartition
	a.GroupRow, a.Members, rows, err = m.group(ctx, in.Group, v.snapshot)
	known := m.state().groups
	switch {
	case errors.Is(err, cluster.ErrNoGroup):
		return a, m.noGroup(in.Group, known)
	case err != nil && known != nil && known.list.find(in.Group) != nil:
		a.GroupRow = known.list.find(in.Group).GroupRow
		a.missing("members and offsets", err)
	case err != nil:
		return a, err
	}
	if a.Rows, err = slice(&a.Listed, in.Paging, rows, func(r GroupPartition) string { return place(r.Topic, r.Partition) }); err != nil {
		return a, err
	}
	TimeLags(ctx, m.Cluster.Cluster, v.snapshot, a.Rows)
	return a, nil
}

func (m *member) noGroup(name string, known *groups) error {
	hint := fmt.Sprintf("GET /api/v1/clusters/%s/groups lists them", m.Name)
	if known != nil {
		hint = nearest(name, known.list.names, hint)
	}
	return web.NotFound(fmt.Sprintf("cluster %s has no group %q", m.Name, name), hint)
}

func (f *Fleet) postPlan(ctx context.Context, in *planInput) (Plan, error) {
	m, _, err := f.member(in.Cluster)
	if err != nil {
		return Plan{}, err
	}
	return m.operator.Plan(ctx, in.Body)
}

func (f *Fleet) postApply(ctx context.Context, in *applyInput) (Result, error) {
	m, _, err := f.member(in.Cluster)
	if err != nil {
		return Result{}, err
	}
	result, err := m.operator.Apply(ctx, in.Body.Change, in.Body.PlanHash, in.by())
	var partly *PartlyDone
	if err == nil || errors.As(err, &partly) {
		m.changed(in.Body.Change.Kind)
	}
	return result, err
}
