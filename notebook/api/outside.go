package api

import (
	"context"
	"log/slog"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
)

func (a *api) dictionaryRoutes() {
	handle(a, "GET /api/dictionary/translation", anyone, "Show what to call the words of a bot_config.toml", a.translation)
}

// translation is a dictionary as clients see it.
type translation struct {
	Blocks map[string]any `json:"blocks" doc:"names of sections" example:"{\"personality\":\"性格\"}"`
	Tokens map[string]any `json:"tokens" doc:"names of words" example:"{\"nickname\":\"昵称\"}"`
}

func (a *api) translation(ctx context.Context, _ *struct{}) (*answer[translation], error) {
	d, err := a.Dictionary.Read(ctx)
	return reply(ctx, translation(d), err, "翻译字典获取成功", "The dictionary")
}

func (a *api) moderationRoutes() {
	handle(a, "POST /api/moderation/check", notebook.RoleUser, "Judge whether a text may be shown", a.checkText)
	handle(a, "GET /api/moderation/health", notebook.RoleUser, "Who moderates, and is he well", a.moderationHealth)
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

// judgedAnswer has the verdict twice: the site's front ends know it as result.
type judgedAnswer struct {
	Body struct {
		envelope[judged]
		Result judged `json:"result"`
	}
}

// checkText answers unknown where the moderator fails: what to do with a text
// that nobody has judged is for the front end to decide.
func (a *api) checkText(ctx context.Context, in *checkInput) (*judgedAnswer, error) {
	v, err := a.Moderation.Check(ctx, in.Body.Text, in.Body.TextType)
	if err != nil {
		a.Logger.LogAttrs(ctx, slog.LevelWarn, "moderation failed", slog.String("request_id", server.CallerIn(ctx).RequestID),
			slog.String("moderator", a.Moderation.Name()), slog.Any("error", err))
	}
	w := new(judgedAnswer)
	w.Body.Result = judged{string(v.Decision), v.Confidence, v.Violations}
	w.Body.envelope = say(ctx, w.Body.Result, "内容审核完成", "The text is judged").Body
	return w, nil
}

type moderationHealth struct {
	Status    string `json:"status" enum:"healthy,unhealthy" doc:"as of the last check"`
	Moderator string `json:"moderator" doc:"words, or the name of a model" example:"words"`
	Model     string `json:"model" doc:"the same" example:"words"`
}

func (a *api) moderationHealth(ctx context.Context, _ *struct{}) (*answer[moderationHealth], error) {
	status := "healthy"
	if !a.Moderation.Well(ctx) {
		status = "unhealthy"
	}
	return say(ctx, moderationHealth{status, a.Moderation.Name(), a.Moderation.Name()}, "内容审核服务状态", "Who moderates"), nil
}
