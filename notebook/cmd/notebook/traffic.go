package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// How many visitors the demo has, and how long each thinks between two requests on the
// average.
const (
	demoVisitors = 6
	demoThinks   = 400 * time.Millisecond
)

// A demoVisitor uses the demo like people do.
type demoVisitor struct {
	base, token string
	client      *http.Client
	rng         *rand.Rand
	cards       []string // paths
}

// visit lets visitors use the demo at base until ctx ends or stop is called, which waits
// for them.
func visit(ctx context.Context, base string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var visitors sync.WaitGroup
	people := demoPeople()
	for n := range demoVisitors {
		v := &demoVisitor{base: base, client: &http.Client{Timeout: 10 * time.Second}, rng: rand.New(rand.NewPCG(3, uint64(n)))}
		visitors.Go(func() {
			name := ""
			if n%2 == 0 { // every second one has logged in
				name = people[1+n/2%(len(people)-1)].name
			}
			v.run(ctx, name)
			v.client.CloseIdleConnections()
		})
	}
	return func() {
		cancel()
		visitors.Wait()
	}
}

// run uses the demo until ctx ends. What fails, fails: the next one may not.
func (v *demoVisitor) run(ctx context.Context, name string) {
	if name != "" {
		var got struct {
			AccessToken string `json:"access_token"`
		}
		_ = v.do(ctx, http.MethodPost, "/api/auth/token", map[string]string{"username": name, "password": demoPassword}, &got)
		v.token = got.AccessToken
	}
	for ctx.Err() == nil {
		_ = v.act(ctx)
		select {
		case <-time.After(time.Duration(v.rng.ExpFloat64() * float64(demoThinks))):
		case <-ctx.Done():
		}
	}
}

// act does one thing: reads most of the time, popular cards more often than others.
func (v *demoVisitor) act(ctx context.Context) error {
	if len(v.cards) == 0 || v.rng.IntN(40) == 0 {
		var page []struct{ ID string }
		if err := v.do(ctx, http.MethodGet, "/api/persona/public?sort_by=star_count&page_size=20", nil, &struct {
			Data any `json:"data"`
		}{&page}); err != nil {
			return err
		}
		v.cards = nil
		for _, card := range page {
			v.cards = append(v.cards, "/persona/"+card.ID)
		}
	}
	if len(v.cards) == 0 {
		return nil
	}
	card := v.cards[min(int(v.rng.ExpFloat64()*4), len(v.cards)-1)]
	switch n := v.rng.IntN(100); {
	case n < 25:
		return v.do(ctx, http.MethodGet, "/", nil, nil)
	case n < 40:
		return v.do(ctx, http.MethodGet, "/persona?sort=star_count", nil, nil)
	case n < 50:
		return v.do(ctx, http.MethodGet, "/knowledge", nil, nil)
	case n < 75:
		return v.do(ctx, http.MethodGet, card, nil, nil)
	case n < 90:
		return v.do(ctx, http.MethodGet, card+"/talk", nil, nil)
	case n < 93 && v.token != "":
		return v.do(ctx, http.MethodPost, "/api"+card+"/star", nil, nil)
	case n < 95 && v.token != "":
		return v.do(ctx, http.MethodGet, "/api/messages", nil, nil)
	}
	return v.do(ctx, http.MethodGet, fmt.Sprintf("/api/persona/public?page=%d&page_size=12", 1+v.rng.IntN(3)), nil, nil)
}

// do sends a request, and reads the answer into output where that is not nil.
func (v *demoVisitor) do(ctx context.Context, method, path string, input, output any) error {
	var body bytes.Buffer
	if input != nil {
		if err := json.NewEncoder(&body).Encode(input); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, v.base+path, &body)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/html, application/json;q=0.9")
	if input != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if v.token != "" {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	w, err := v.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = w.Body.Close() }()
	if output == nil {
		_, err = io.Copy(io.Discard, w.Body)
		return err
	}
	return json.NewDecoder(w.Body).Decode(output)
}
