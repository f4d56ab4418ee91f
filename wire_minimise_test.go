package unstale_test

import (
	"net/http"
	"slices"
	"time"
)

// A wireMinimiser makes a failing case smaller, as long as it fails in the same
// way and keeps to what is promised.
type wireMinimiser struct {
	rig      *wireRig
	best     *wireCase
	failure  *wireFailure
	deadline time.Time
}

// try keeps an edited copy of the best case if that fails, too.
func (m *wireMinimiser) try(edit func(*wireCase)) bool {
	if time.Now().After(m.deadline) {
		return false
	}
	c := m.best.clone()
	edit(c)
	if !c.valid() || c.String() == m.best.String() {
		return false
	}
	f := m.rig.play(c, &wireTally{reasons: make(map[string]int)})
	if f == nil || f.kind != m.failure.kind {
		return false
	}
	m.best, m.failure = c, f
	return true
}

func (c *wireCase) clone() *wireCase {
	d := &wireCase{slices.Clone(c.frames), slices.Clone(c.handlers), slices.Clone(c.exchanges)}
	for i := range d.handlers {
		d.handlers[i] = slices.Clone(d.handlers[i])
	}
	for i := range d.exchanges {
		d.exchanges[i].fields = slices.Clone(d.exchanges[i].fields)
	}
	return d
}

func (m *wireMinimiser) run() {
	m.try(func(c *wireCase) { c.exchanges = c.exchanges[:m.failure.exchange+1] })
	for before := ""; before != m.best.String(); {
		before = m.best.String()
		dropEach(m, func(c *wireCase) *[]wireExchange { return &c.exchanges })
		dropEach(m, func(c *wireCase) *[]wireFrame { return &c.frames })
		for only := len(m.best.handlers) - 1; only >= 0 && len(m.best.handlers) > 1; only-- {
			m.try(func(c *wireCase) {
				c.handlers = c.handlers[only : only+1]
				for i := range c.exchanges {
					c.exchanges[i].handler = 0
				}
			})
		}
		for i := range m.best.handlers {
			dropEach(m, func(c *wireCase) *[]wireStep { return (*[]wireStep)(&c.handlers[i]) })
			for j := range m.best.handlers[i] {
				m.step(func(c *wireCase) *wireStep { return &c.handlers[i][j] })
			}
		}
		for i := range m.best.exchanges {
			m.exchange(i)
		}
	}
}

// step makes a step plainer.
func (m *wireMinimiser) step(of func(*wireCase) *wireStep) {
	m.try(func(c *wireCase) {
		if s := of(c); s.do == "write" {
			s.value, s.n = "text", 0
		}
	})
}

// exchange makes an exchange plainer.
func (m *wireMinimiser) exchange(i int) {
	dropEach(m, func(c *wireCase) *[]string { return &c.exchanges[i].fields })
	for _, edit := range []func(x *wireExchange){
		func(x *wireExchange) { x.invalidate = false },
		func(x *wireExchange) { x.atOnce = 0 },
		func(x *wireExchange) { x.atOnce = min(x.atOnce, 2) },
		func(x *wireExchange) { x.client = wireClient{} },
		func(x *wireExchange) { x.client = wireClient{listener: x.client.listener} },
		func(x *wireExchange) { x.client = wireClient{name: x.client.name} },
		func(x *wireExchange) { x.method = http.MethodGet },
		func(x *wireExchange) { x.host = "a.example" },
		func(x *wireExchange) { x.path = "/p/t1/a" },
		func(x *wireExchange) { x.tag = "" },
		func(x *wireExchange) { x.ifRange = "" },
	} {
		m.try(func(c *wireCase) { edit(&c.exchanges[i]) })
	}
}

// dropEach leaves out members of a list, one by one.
func dropEach[T any](m *wireMinimiser, list func(*wireCase) *[]T) {
	for i := len(*list(m.best)) - 1; i >= 0; i-- {
		m.try(func(c *wireCase) { l := list(c); *l = slices.Delete(*l, i, i+1) })
	}
}
