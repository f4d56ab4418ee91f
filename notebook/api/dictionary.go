package api

import (
	"context"

	"github.com/unstale/unstale/notebook"
)

func (s *server) dictionaryRoutes() {
	handle(s, dictionaryRoute, anyone, "Show what to call the words of a bot_config.toml", s.translation)
}

// translation is a dictionary as clients see it.
type translation struct {
	Blocks map[string]any `json:"blocks" doc:"names of sections" example:"{\"personality\":\"性格\"}"`
	Tokens map[string]any `json:"tokens" doc:"names of words" example:"{\"nickname\":\"昵称\"}"`
}

func (s *server) translation(ctx context.Context, _ *struct{}) (*answer[translation], error) {
	data, err := s.dictionary.read(ctx, notebook.MaxDictionarySize)
	if err != nil {
		return nil, err
	}
	d, err := notebook.ParseDictionary(data)
	if err != nil {
		return nil, err
	}
	return say(ctx, translation(d), "翻译字典获取成功", "The dictionary"), nil
}
