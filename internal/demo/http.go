package demo

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// ViewList is the answer of GET /api/v1/demo/views.
type ViewList struct {
	Body struct {
		Views []SeenView `json:"views"`
	}
}

// Register adds the demo's operation to the API.
func (v *Views) Register(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "demo-views", Method: http.MethodGet, Path: "/api/v1/demo/views",
		Summary: "The last page views at the last tier, newest first", Tags: []string{"demo"},
	}, func(context.Context, *struct{}) (*ViewList, error) {
		list := &ViewList{}
		list.Body.Views = append([]SeenView{}, v.Last()...)
		return list, nil
	})
}
