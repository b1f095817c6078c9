package registry

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirhq/weir/internal/actions"
)

type planInput struct{ Body Wanted }

type applyInput struct {
	asking
	Body struct {
		Desired  Wanted `json:"desired" doc:"That of the plan."`
		PlanHash string `json:"plan_hash" doc:"That of the plan."`
	}
	RawBody []byte
}

func (s *Service) registerApply(api huma.API, at string) {
	huma.Register(api, huma.Operation{
		OperationID: "registry-plan", Method: http.MethodPost, Path: at + "/plan", Tags: []string{"registry"}, MaxBodyBytes: maxImport,
		Summary: "What has to be done so that the registry has what is wanted; changes nothing",
	}, func(ctx context.Context, in *planInput) (*apiAnswer[WantedPlan], error) {
		_, shown, err := s.planWanted(ctx, in.Body)
		return &apiAnswer[WantedPlan]{shown}, apiError(err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "registry-apply", Method: http.MethodPost, Path: at + "/apply", Tags: []string{"registry"}, MaxBodyBytes: maxImport,
		Summary: "Do what plan says",
	}, func(ctx context.Context, in *applyInput) (out *leaderOutput[ApplyAnswer], err error) {
		return changeAtLeader(ctx, s, in.request, in.RawBody, actions.Action{Kind: "schema-apply"}, func(ctx context.Context) (a ApplyAnswer, offset int64, err error) {
			return s.applyWanted(ctx, metaOf(in.request), in.Body.Desired, in.Body.PlanHash)
		})
	})
}
