package api

import (
	"cmp"
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

// maxExplained bounds the variants of a key that an answer explains.
const maxExplained = 20

type explainInput struct {
	Key string `query:"key" maxLength:"4000" doc:"of an answer, or of a stored part of one; this or url" example:"maimnp:http:GET localhost:8080 /api/persona/public"`
	URL string `query:"url" maxLength:"4000" doc:"that a GET has asked for: a path with its query, or all of it" example:"/api/persona/public?page=1"`

	host string
	tls  *tls.ConnectionState
}

// Resolve takes what a path alone does not say from the request itself.
func (in *explainInput) Resolve(ctx huma.Context) []error {
	r, _ := humago.Unwrap(ctx)
	in.host, in.tls = r.Host, r.TLS
	return nil
}

// explanations is what the cache knows of the answers stored under a key.
type explanations struct {
	Key      string        `json:"key"`
	Variants []explanation `json:"variants"`
	More     int           `json:"more" doc:"how many variants are left out"`
}

// explanation is what the cache knows of one variant.
type explanation struct {
	Variant      string       `json:"variant,omitempty" doc:"tells it from other variants of the key: digests of what selects it" example:"dj1CVu_i4QTYo1LdZh3AGQ"`
	SelectedBy   []string     `json:"selected_by,omitempty" doc:"what selects it besides the key: names of fields, and who asks" example:"[\"accept-language\"]"`
	Stored       bool         `json:"stored"`
	Since        *time.Time   `json:"since,omitempty"`
	Until        *time.Time   `json:"until,omitempty"`
	Keys         []string     `json:"keys,omitempty" doc:"by which patterns find it" example:"[\"maimnp:http:GET localhost:8080 /api/persona/public\"]"`
	Dependencies []dependency `json:"dependencies,omitempty" doc:"what it was made of"`
	Reason       string       `json:"reason,omitempty" doc:"why it cannot be served now" example:"changed"`
	Change       *change      `json:"change,omitempty" doc:"what invalidated it"`
	LastMiss     *missed      `json:"last_miss,omitempty"`
}

type dependency struct {
	Statement string `json:"statement,omitempty" example:"SELECT name, star_count FROM persona_cards WHERE id = ?"`
	Source    string `json:"source" example:"persona_cards[id=?1]{name,star_count}"`
	Count     int    `json:"count"`
	Changed   bool   `json:"changed"`
}

// change is something that invalidated answers.
type change struct {
	Summary  string      `json:"summary" example:"write by POST /api/persona/{id}/star at 12:00:00.000: update persona_cards 42 (star_count)"`
	Time     time.Time   `json:"time"`
	Cause    string      `json:"cause" example:"write"`
	Request  string      `json:"request,omitempty" doc:"in whose course it was made" example:"POST /api/persona/{id}/star"`
	Database string      `json:"database,omitempty" example:"main"`
	Rows     []rowChange `json:"rows,omitempty"`
	More     int         `json:"more" doc:"how many other rows changed"`
	Targets  []string    `json:"targets,omitempty" doc:"what was named" example:"[\"tag dictionary\"]"`
}

type rowChange struct {
	Table     string   `json:"table" example:"persona_cards"`
	Operation string   `json:"operation,omitempty" doc:"insert, update or delete; nothing for rows of which no more is said" example:"update"`
	Key       string   `json:"key,omitempty" example:"42"`
	Columns   []string `json:"columns,omitempty" example:"[\"star_count\"]"`
	Coarse    string   `json:"coarse,omitempty" doc:"why everything fell that was read from the table" example:"too many rows"`
}

// missed is a request that found an entry and was not served from it.
type missed struct {
	Time   time.Time `json:"time"`
	Reason string    `json:"reason" example:"changed"`
	Change *change   `json:"change,omitempty"`
}

var (
	errExplainWhat = &notebook.Error{Kind: notebook.Invalid, Code: "EXPLAIN_TARGET", Text: notebook.Text{
		ZH: "请提供 key 或 url 其中之一", EN: "Give either a key or a URL"}}
	errUnexplained = &notebook.Error{Kind: notebook.NotFound, Code: "CACHE_KEY_UNKNOWN", Text: notebook.Text{
		ZH: "缓存中没有关于该键的记录", EN: "The cache knows nothing of this key"}}
)

// key returns the key that the input names.
func (in *explainInput) key(c *unstale.Cache) (string, error) {
	if (in.Key == "") == (in.URL == "") {
		return "", errExplainWhat
	}
	if in.Key != "" {
		return in.Key, nil
	}
	u, err := url.Parse(in.URL)
	if err != nil || !strings.HasPrefix(u.Path, "/") || u.Host == "" && u.Scheme != "" {
		return "", errExplainWhat
	}
	return c.RequestKey(&http.Request{Method: http.MethodGet, Host: cmp.Or(u.Host, in.host), URL: u, TLS: in.tls}), nil
}

func (a *api) explainCache(ctx context.Context, in *explainInput) (*answer[explanations], error) {
	key, err := in.key(a.Cache)
	if err != nil {
		return nil, err
	}
	list := a.Cache.Explain(key)
	if len(list) == 0 {
		return nil, errUnexplained
	}
	x := explanations{More: max(0, len(list)-maxExplained)}
	for _, e := range list[:len(list)-x.More] {
		x.Variants = append(x.Variants, explanationOf(e))
		x.Key = e.Key
	}
	return noStore(say(ctx, x, "缓存说明获取成功", "What the cache knows")), nil
}

func explanationOf(e unstale.Explanation) explanation {
	x := explanation{SelectedBy: e.SelectedBy, Stored: e.Stored, Keys: e.Keys, Reason: e.Reason, Change: changeOf(e.Change)}
	x.Variant = strings.TrimSpace(strings.ReplaceAll(e.Variant, "\n", " "))
	if e.Stored {
		since, until := e.Since.UTC(), e.Until.UTC()
		x.Since, x.Until = &since, &until
	}
	for _, d := range e.Dependencies {
		x.Dependencies = append(x.Dependencies, dependency(d))
	}
	if m := e.LastMiss; m != nil {
		x.LastMiss = &missed{m.Time.UTC(), m.Reason, changeOf(m.Change)}
	}
	return x
}

func changeOf(ch *unstale.Change) *change {
	if ch == nil {
		return nil
	}
	x := &change{
		Summary: ch.String(), Time: ch.Time.UTC(), Cause: ch.Cause, Request: ch.Request, Database: ch.Database,
		More: ch.More, Targets: ch.Targets,
	}
	for _, r := range ch.Rows {
		x.Rows = append(x.Rows, rowChange(r))
	}
	return x
}
