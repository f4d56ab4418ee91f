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
	{"what another process made is a result of Load", "TestFallsFromElsewhere", []edit{
		{"watch.go", "	} else if e.kind == kindResponse {\n", "	} else if false {\n"},
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

// shown are mistakes in the page that shows it.
var shown = []excess{
	{"whoever asks sees the page", "console", "TestMay", []edit{
		{"console/console.go", "if !c.options.May(r) || r", "if r"},
	}},
	{"a page elsewhere holds streams", "console", "TestMay", []edit{
		{"console/console.go", ` || r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate"`, ""},
	}},
	{"whom a proxy asks for counts as local", "console", "TestLoopback", []edit{
		{"console/loopback.go", `strings.HasPrefix(name, "X-Forwarded"), `, ""},
	}},
	{"a name that leads here counts as local", "console", "TestLoopback", []edit{
		{"console/loopback.go", "return err == nil && addr.Unmap().IsLoopback()\n}", "return err != nil || addr.Unmap().IsLoopback()\n}"},
	}},
	{"any number look on", "console", "TestStreams", []edit{
		{"console/stream.go", "if s.open >= maxStreams {", "if false {"},
	}},
	{"who leaves makes no room", "console", "TestStreams", []edit{
		{"console/stream.go", "	s.open--\n", ""},
	}},
	{"a server waits for those who look on", "console", "TestShutdown", []edit{
		{"console/stream.go", "		case <-down:\n			return\n", "		case <-down:\n			down = nil\n"},
	}},
	{"literals are shown", "console", "TestValuesAreHidden|TestHideValues", []edit{
		{"console/view.go", "	return hideValues(s)\n", "	return s\n"},
	}},
	{"keys of rows are shown", "console", "TestValuesAreHidden", []edit{
		{"console/view.go", "			y.Key = \"\"\n", "			_ = y.Key\n"},
	}},
	{"whose change it was is shown", "console", "TestValuesAreHidden", []edit{
		{"console/view.go", "	if v.Explain {\n		x.Request = ch.Request\n	}", "	x.Request = ch.Request"},
	}},
	{"names of tags are shown", "console", "TestValuesAreHidden", []edit{
		{"console/view.go", "			t = hideTarget(t)\n", "			_ = hideTarget\n"},
	}},
	{"a backslash ends no literal", "console", "TestHideValues", []edit{
		{"console/hide.go", `end < 0 || strings.IndexByte(s[i:end], '\\') >= 0`, "end < 0"},
	}},
	{"the page has all routes", "console", "TestManyRoutes", []edit{
		{"console/view.go", "min(len(v.Routes), maxRoutesSeen)", "len(v.Routes)"},
	}},
	{"a figure has two names", "console", "TestNamesAreTheSame", []edit{
		{"console/view.go", "`json:\"fell_in_vain\"`\n	Advice", "`json:\"in_vain\"`\n	Advice"},
		{"console/view.go", "`json:\"fell_in_vain\"`\n}\n\ntype changeView", "`json:\"in_vain\"`\n}\n\ntype changeView"},
		{"console/view.go", "`json:\"fell_in_vain\"`\n	Routes", "`json:\"in_vain\"`\n	Routes"},
	}},
	{"what caused a miss is on the span", "otel", "TestHandler", []edit{
		{"otel/otel.go", "	detail, _, _ = strings.Cut(detail, \": \") // what follows is a cause\n", ""},
	}},
	{"the furthest cache says what a span says", "otel", "TestSeveral", []edit{
		{"otel/otel.go", "for i := len(said) - 1; i >= 0; i-- {", "for i := range said {"},
	}},
}
