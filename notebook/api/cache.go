package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

func (a *api) cacheRoutes() {
	const stats, advice, explain = "GET /api/admin/cache/stats", "GET /api/admin/cache/advice", "GET /api/admin/cache/explain"
	a.Mux.Uncached(stats, advice, explain)
	handle(a, stats, notebook.RoleAdmin, "Show what the cache has done", a.cacheStats)
	handle(a, advice, notebook.RoleAdmin, "Show what keeps hits away, the most costly first", a.cacheAdvice)
	handle(a, explain, notebook.RoleAdmin, "Explain what is stored under a key, and what made it fall", a.explainCache,
		fails(errExplainWhat, errUnexplained))
	handle(a, "POST /api/admin/cache/stats/reset", notebook.RoleAdmin, "Set the cache's counters to zero", a.resetCacheStats)
	handle(a, "POST /api/admin/cache/invalidate", notebook.RoleAdmin, "Invalidate by tag, key, key pattern or resource", a.invalidate,
		fails(errNoTarget, errTarget, errIdleID))
}

// cacheCounters is what the cache has done since it started or was reset.
type cacheCounters struct {
	Hits               uint64            `json:"hits"`
	Misses             uint64            `json:"misses"`
	Errors             uint64            `json:"errors" doc:"reads that failed on our side, with the cache or without"`
	Bypassed           uint64            `json:"bypassed" doc:"requests that passed by the cache"`
	Degraded           uint64            `json:"degraded" doc:"answers that could not be stored"`
	DegradationReasons map[string]uint64 `json:"degradation_reasons" doc:"why, with how often"`
	Total              uint64            `json:"total_cached_requests" doc:"hits and misses"`
	HitRate            string            `json:"hit_rate" doc:"hits among hits and misses" example:"66.67%"`
	HitRateValue       float64           `json:"hit_rate_value" doc:"the same as a number, 0 to 100"`
	CacheEnabled       bool              `json:"cache_enabled"`
}

func (a *api) counters() cacheCounters {
	stats := a.Cache.Stats()
	c := cacheCounters{Errors: a.FailedReads.Load(), DegradationReasons: map[string]uint64{}, CacheEnabled: a.Cache.Enabled()}
	for _, r := range stats.Routes {
		c.Hits += r.Hits + r.Joined
		c.Misses += r.MissCount()
		for _, n := range r.Bypassed {
			c.Bypassed += n
		}
	}
	for reason, n := range stats.Refused {
		c.Degraded += n
		c.DegradationReasons[reason] = n
	}
	if c.Total = c.Hits + c.Misses; c.Total > 0 {
		c.HitRateValue = 100 * float64(c.Hits) / float64(c.Total)
	}
	c.HitRate = fmt.Sprintf("%.2f%%", c.HitRateValue)
	return c
}

func (a *api) cacheStats(ctx context.Context, _ *struct{}) (*answer[cacheCounters], error) {
	return noStore(say(ctx, a.counters(), "缓存统计获取成功", "What the cache has done")), nil
}

// cacheTotals is what the cache has done, as clients that know no envelope read it.
type cacheTotals struct {
	CacheEnabled bool        `json:"cache_enabled"`
	HitRate      string      `json:"hit_rate" example:"66.67%"`
	HitRateValue float64     `json:"hit_rate_value"`
	Metrics      cacheCounts `json:"metrics"`
}

type cacheCounts struct {
	Hits     uint64 `json:"hits_total"`
	Misses   uint64 `json:"misses_total"`
	Degraded uint64 `json:"degradation_total"`
	Enabled  bool   `json:"enabled_status"`
}

type cacheMetricsAnswer struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		envelope[cacheCounters]
		cacheTotals
	}
}

func (a *api) cacheMetrics(ctx context.Context, _ *struct{}) (*cacheMetricsAnswer, error) {
	c := a.counters()
	w := &cacheMetricsAnswer{CacheControl: "no-store"}
	w.Body.envelope = say(ctx, c, "缓存统计获取成功", "What the cache has done").Body
	w.Body.cacheTotals = cacheTotals{c.CacheEnabled, c.HitRate, c.HitRateValue, cacheCounts{c.Hits, c.Misses, c.Degraded, c.CacheEnabled}}
	return w, nil
}

// advice says what keeps hits of a route away. Remedies are for whoever writes the
// service, in English.
type advice struct {
	Route   string  `json:"route" example:"GET /api/persona/public"`
	Reason  string  `json:"reason" doc:"as in Cache-Status" example:"rows left open"`
	Count   uint64  `json:"count" doc:"requests for which the handler ran"`
	Seconds float64 `json:"seconds" doc:"how long it ran for them"`
	Remedy  string  `json:"remedy" example:"close rows before the handler returns"`
	At      string  `json:"at,omitempty" doc:"a statement, or a place in the program"`
}

func (a *api) cacheAdvice(ctx context.Context, _ *struct{}) (*answer[[]advice], error) {
	list := []advice{}
	for _, x := range a.Cache.Advice() {
		list = append(list, advice{x.Route, x.Reason, x.Count, x.Spent.Seconds(), x.Remedy, x.At})
	}
	return noStore(say(ctx, list, "缓存建议获取成功", "What keeps hits away")), nil
}

func (a *api) resetCacheStats(ctx context.Context, _ *struct{}) (*answer[*nothing], error) {
	a.Cache.ResetStats()
	a.FailedReads.Store(0)
	return said(ctx, "缓存统计已重置", "The counters are zero"), nil
}

// maxTargets bounds each list of an invalidation.
const maxTargets = 100

type invalidateInput struct {
	Body struct {
		Tags     []string `json:"tags,omitempty" maxItems:"100" example:"[\"dictionary\"]"`
		Keys     []string `json:"keys,omitempty" maxItems:"100" example:"[\"maimnp:http:GET localhost:8080 /api/persona/public\"]"`
		Patterns []string `json:"patterns,omitempty" maxItems:"100" doc:"key patterns, in which * stands for any text and {id} for the id as a whole" example:"[\"maimnp:http:*persona/public*\"]"`
		Resource string   `json:"resource,omitempty" enum:"persona,knowledge,user,message,comment"`
		ID       string   `json:"id,omitempty" maxLength:"200" doc:"of the resource, all of them without it, and what {id} stands for in patterns"`
	}
}

// invalidated says how many tags, keys and patterns the request came to.
type invalidated struct {
	Targets int `json:"targets"`
}

var (
	errNoTarget = &notebook.Error{Kind: notebook.Invalid, Code: "TARGET_MISSING", Text: notebook.Text{
		ZH: "请提供标签、键、模式或资源", EN: "Give tags, keys, patterns or a resource"}}
	errTarget = &notebook.Error{Kind: notebook.Invalid, Code: "TARGET_INVALID", Text: notebook.Text{
		ZH: "失效目标格式错误", EN: "A target is malformed"}}
	errIdleID = &notebook.Error{Kind: notebook.Invalid, Code: "TARGET_ID_UNUSED", Text: notebook.Text{
		ZH: "id 需要与资源或含有占位符的模式一起使用", EN: "The id belongs to no resource and to no pattern"}}
)

// targets returns all that the input names, to be invalidated as one batch.
func (in *invalidateInput) targets() ([]unstale.Target, error) {
	b := in.Body
	var targets []unstale.Target
	for _, t := range b.Tags {
		targets = append(targets, unstale.Tag(t))
	}
	for _, k := range b.Keys {
		targets = append(targets, unstale.Key(k))
	}
	used := b.Resource != ""
	for _, p := range b.Patterns {
		var ids []string
		if b.ID != "" {
			ids = slices.Repeat([]string{b.ID}, min(strings.Count(p, "{"), maxTargets))
		}
		used = used || len(ids) > 0
		targets = append(targets, unstale.Pattern(p, ids...))
	}
	if r, ok := resources()[b.Resource]; ok {
		targets = append(targets, r.targets(b.ID)...)
	}
	switch {
	case len(targets) == 0:
		return nil, errNoTarget
	case b.ID != "" && !used:
		return nil, errIdleID
	}
	return targets, nil
}

func (a *api) invalidate(ctx context.Context, in *invalidateInput) (*answer[invalidated], error) {
	targets, err := in.targets()
	if err != nil {
		return nil, err
	}
	if err := a.Cache.Invalidate(ctx, targets...); err != nil {
		return nil, errTarget.With("cause", err.Error())
	}
	return say(ctx, invalidated{len(targets)}, "缓存已失效", "Invalidated"), nil
}

// A resource says which keys belong to a kind of thing, for people who
// invalidate by hand, and for what no database holds. Nothing that the API
// writes needs it. In a pattern "{id}" stands for the id as a whole.
type resource struct {
	every []string // whatever the id
	one   []string // with an id
	all   []string // without an id
}

// resources is the table of POST admin/cache/invalidate.
func resources() map[string]resource {
	return map[string]resource{
		"persona": {
			every: []string{"http:*persona/public*"},
			one:   []string{"http:*persona/{id}*"},
			all:   []string{"http:*persona/*"},
		},
		"knowledge": {
			every: []string{"kb:public:*", "http:*knowledge/public*"},
			one:   []string{"http:*knowledge/{id}*", "kb:user:{id}:*"},
			all:   []string{"http:*knowledge/*", "kb:user:*"},
		},
		"user": {
			one: []string{"http:*users/{id}*", "user:{id}"},
			all: []string{"http:*users/*", "user:*"},
		},
		"message": {
			one: []string{"http:*messages/{id}*", "http:*messages*user_id={id}*"},
			all: []string{"http:*messages*"},
		},
		"comment": {
			one: []string{"http:*comments/{id}*", "http:*comments*target_id={id}*"},
			all: []string{"http:*comments*"},
		},
	}
}

// targets returns what to invalidate for the resource with the id, or for all of
// its kind if the id is empty.
func (r resource) targets(id string) []unstale.Target {
	var list []unstale.Target
	for _, p := range r.every {
		list = append(list, unstale.Pattern(p))
	}
	if id == "" {
		for _, p := range r.all {
			list = append(list, unstale.Pattern(p))
		}
		return list
	}
	for _, p := range r.one {
		list = append(list, unstale.Pattern(p, id))
	}
	return list
}
