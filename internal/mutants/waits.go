package main

// waits are mistakes in what is known of who holds connections and transactions,
// which tests find by their names. They go on where bounds end.
var waits = []excess{
	{"what nobody known holds is nothing", "sqlite", "TestLoadInWritingTransactions|TestLoadSeesTheTransaction|TestNobodyWaitsWithAConnection", []edit{
		{"adapter.go", "return holders{&e.nobody, &e.everybody}", "return holders{nil, &e.everybody}"},
	}},
	{"a call of Load in nobody's course counts what nobody known holds", "sqlite", "TestLoadInWritingTransactions", []edit{
		{"holdings.go", "return holders{own, &c.everybody}", "return holders{own, &c.nobody}"},
	}},
	{"what runs with Outside is no part of the request", "sqlite", "TestLoadInWritingTransactions", []edit{
		{"context.go", "s := &scope{outer: scopeOf(ctx)}", "s := new(scope)"},
	}},
	{"what a job holds counts for requests", "sqlite", "TestLoadBesideJobs", []edit{
		{"adapter.go", "return holders{c.scope.holdingsFor(e), &e.everybody}", "if own := c.scope.holdingsFor(e); own != nil {\n		return holders{own, &e.everybody}\n	}\n	return holders{&e.nobody, &e.everybody}"},
	}},
	{"whoever changes something counts alone", "sqlite", "TestLoadInWritingTransactions", []edit{
		{"internal/sqltrack/session.go", "[]adapter.Caller{s.txCaller, s.holder}", "[]adapter.Caller{}"},
	}},
	{"whoever holds a connection waits", "sqlite", "TestNobodyWaitsWithAConnection", []edit{
		{"flight.go", "return j.mayJoin && !j.holds && ", "return j.mayJoin && "},
		{"load.go", " && !held.hold() && c.unstored", " && c.unstored"},
	}},
	{"that a connection is taken is not told", "sqlite", "TestNobodyWaitsWithAConnection", []edit{
		{"sqlite/conn.go", "	c.session.Take(ctx)\n", ""},
	}},
	{"that a connection is made is not told", "sqlite", "TestNobodyWaitsWithAConnection", []edit{
		{"sqlite/database.go", "	s.Take(ctx)\n", ""},
	}},
	{"that a connection is given back is not told", "sqlite", "TestLoadsShareFunctions", []edit{
		{"sqlite/conn.go", "	c.session.GiveBack()\n", ""},
	}},
	{"a request within another one waits", "sqlite", "TestRequestsWithinRequestsDoNotWait", []edit{
		{"get.go", "return own != nil && holders{nil, own}.hold()", "return own != nil && false"},
	}},
	{"whoever waits counts what is held by whom they wait for", "sqlite", "TestLoadsShareFunctions", []edit{
		{"load.go", "&holdings{apart: true}", "new(holdings)"},
	}},
	{"a function in nobody's course holds what it holds itself", "sqlite", "TestNobodyWaitsWithAConnection", []edit{
		{"holdings.go", "if own == nil || own.apart {", "if own == nil {"},
	}},
	{"whoever holds a connection finds out who asks", "sqlite", "TestWaits", []edit{
		{"load.go", "	if held.hold() && !s.identified() && c.asks(primary) {\n", "	if false {\n"},
	}},
	{"whoever holds a connection, of many, waits", "sqlite", "TestWaits", []edit{
		{"flight.go", "return j.mayJoin && !j.holds && ", "return j.mayJoin && "},
		{"load.go", " && !held.hold() && c.unstored", " && c.unstored"},
	}},
}
