package unstale

// InFlux returns the sum of all marks in the ledger that were not released.
func InFlux(c *Cache) int64 { return c.ledger.InFlux() }

// Waiting returns how many requests and loads want the result of a fill that is
// under way, leaders included.
func Waiting(c *Cache) (n int) {
	c.flights.mu.Lock()
	defer c.flights.mu.Unlock()
	for _, f := range c.flights.m {
		n += f.waiting
	}
	return n
}

// MatchPattern reports whether a pattern matches a key, both without prefix.
func MatchPattern(pattern string, ids []string, key string) (bool, error) {
	g, err := compilePattern(pattern, ids)
	if err != nil {
		return false, err
	}
	return g.Match(key), nil
}
