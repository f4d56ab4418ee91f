package main

// watched are mistakes in what is recorded for those who look on.
var watched = []lapse{
	{"hits are recorded although nobody watches", "TestWatch", []edit{
		{"watch.go", "return w.watchers.Load() > 0", "return true"},
	}},
	{"watching does not end", "TestWatch", []edit{
		{"watcher.go", "			w.engine.watch.watchers.Add(-1)\n", ""},
	}},
	{"one watcher ends twice", "TestWatch", []edit{
		{"watcher.go", "	w.closed.Do(func() {\n		if w.engine != nil {\n			w.engine.watch.watchers.Add(-1)\n		}\n	})", "	if w.engine != nil {\n		w.engine.watch.watchers.Add(-1)\n	}"},
	}},
	{"what fell was made anew in vain whatever came of it", "TestWatch", []edit{
		{"respond.go", " && fallen.tag == e.tag()", ""},
	}},
	{"an answer falls as often as it is asked for", "TestAnswersFallOnce", []edit{
		{"lookup.go", "first = !e.fell.Swap(true); first &&", "first = true; first &&"},
	}},
	{"every hit is timed", "TestHitTimes", []edit{
		{"watch.go", "hitSample     = 64", "hitSample     = 1"},
	}},
	{"all changes are kept that made something fall", "TestWatchIsBounded", []edit{
		{"watch.go", "	delete(w.falls, w.latest[w.next])\n", ""},
	}},
	{"the routes of a fall have no bound", "TestWatchIsBounded", []edit{
		{"watch.go", "if len(f.Routes) >= maxFallRoutes {", "if false {"},
	}},
	{"kinds of writes have no bound", "TestWatchIsBounded", []edit{
		{"watch.go", "if len(w.writes) >= maxWrites {", "if false {"},
	}},
	{"a source is down since it was asked last", "TestSourcesAreWatched", []edit{
		{"source.go", "s.failed.Add(1); s.since.Load() == nil {", "s.failed.Add(1); true {"},
	}},
	{"a source that answers again is down", "TestSourcesAreWatched", []edit{
		{"source.go", "		s.since.Store(nil)\n", "		_ = s.since.Load()\n"},
	}},
	{"watchers are not told of the end", "TestWatchersEnd", []edit{
		{"engine.go", "	c.watch.end()\n", ""},
	}},
}
