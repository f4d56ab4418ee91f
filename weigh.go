package unstale

// weighs reports whether the worth of what is stored decides whether the request is
// served from it.
func (g *get) weighs() bool {
	c := g.front
	return c.options.WeighLooks && c.sources.waits.Load() && !g.directives.OnlyIfCached
}

// dear implements selector.
func (g *get) dear(own, shared *Entry) bool {
	if !g.weighed {
		return false
	}
	for _, e := range [...]*Entry{own, shared} {
		if e != nil && e.worth != nil {
			g.worth = e.worth
		}
	}
	return g.worth != nil && g.worth.passes(g.front.price(own, shared))
}

// learn notes what came of looking for something stored.
func (g *get) learn(e *Entry, why miss) {
	held := e != nil
	if g.worth != nil && (held || why.fell()) {
		g.worth.found(held)
	}
	if held || why.fell() || why.cold() {
		g.route.worth.found(held)
	}
}
