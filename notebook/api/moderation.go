package api

import (
	"context"
	"errors"
	"log/slog"
)

func (s *server) moderationRoutes() {
	handle(s, "POST /api/moderation/check", users, "Judge whether a text may be shown", s.checkText)
	handle(s, moderationHealthRoute, users, "Who moderates, and is he well", s.moderationHealth)
}

type checkInput struct {
	Body struct {
		_        struct{} `additionalProperties:"true"`
		Text     string   `json:"text" minLength:"1" maxLength:"20000" example:"你好，麦麦"`
		TextType string   `json:"text_type,omitempty" enum:"comment,post,title,content" default:"comment"`
	}
}

// judged is a verdict as clients see it.
type judged struct {
	Decision       string   `json:"decision" enum:"true,false,unknown" doc:"true: it may be shown"`
	Confidence     float64  `json:"confidence" minimum:"0" maximum:"1" doc:"that it violates the rules"`
	ViolationTypes []string `json:"violation_types" enum:"porn,politics,abuse"`
}

// checkText answers unknown where the moderator fails: what to do with a text
// that nobody has judged is for the front end to decide.
func (s *server) checkText(ctx context.Context, in *checkInput) (*answer[judged], error) {
	v, err := s.moderator.Check(ctx, in.Body.Text, in.Body.TextType)
	if err != nil {
		s.logger.LogAttrs(ctx, slog.LevelWarn, "moderation failed",
			slog.String("request_id", callerIn(ctx).requestID), slog.String("moderator", s.moderator.Name()), slog.Any("error", err))
	}
	if !errors.Is(ctx.Err(), context.Canceled) { // a client that left says nothing about the moderator
		if err := s.moderation.set(ctx, moderationState{s.moderator.Name(), err == nil}); err != nil {
			s.invalidationFailed(ctx, err)
		}
	}
	return say(ctx, judged{string(v.Decision), v.Confidence, v.Violations}, "内容审核完成", "The text is judged"), nil
}

// moderationState is what the health shows.
type moderationState struct {
	moderator string
	well      bool // as of the last check
}

type moderationHealth struct {
	Status    string `json:"status" enum:"healthy,unhealthy" doc:"as of the last check"`
	Moderator string `json:"moderator" doc:"words, or the name of a model" example:"words"`
}

func (s *server) moderationHealth(ctx context.Context, _ *struct{}) (*answer[moderationHealth], error) {
	state := s.moderation.get(ctx)
	status := "healthy"
	if !state.well {
		status = "unhealthy"
	}
	return say(ctx, moderationHealth{status, state.moderator}, "内容审核服务状态", "Who moderates"), nil
}
