package main

// nodes are mistakes in how entries are shared by several processes.
var nodes = []excess{
	{"nobody's shape is taken for known", "postgres", "TestSharedIsJudged", []edit{
		{"internal/shape/kind.go", "		if sh == nil || sh.watched != k.watched || asOf < sh.birth.Load() {", "		if sh == nil {"},
	}},
	{"contained is what ends no later", "postgres", "TestWithin|TestSharedIsJudged", []edit{
		{"postgres/follower.go", "return s.xmax <= p.xmax && !slices.ContainsFunc(p.running, s.shows)", "return s.xmax <= p.xmax"},
	}},
	{"an entry is as good as the latest look", "postgres", "TestPositions|TestSharedIsJudged", []edit{
		{"postgres/position.go", "	return p.list[i-1].last, true\n", "	return p.list[len(p.list)-1].last, true\n"},
	}},
	{"an entry contains what was told while it was made", "postgres", "TestPositions", []edit{
		{"postgres/position.go", "return p.list[i].first > asOf })", "return p.list[max(i-1, 0)].first > asOf })"},
	}},
	{"the catalogue of another node is as good", "postgres", "TestPlace", []edit{
		{"postgres/position.go", "c.fingerprint + \"\\x00\" + *settings", "\"\\x00\" + *settings"},
	}},
	{"settings of sessions do not matter to other nodes", "postgres", "TestSharedWithWhom", []edit{
		{"postgres/position.go", "c.fingerprint + \"\\x00\" + *settings", "c.fingerprint + \"\\x00\""},
	}},
	{"positions in another database are positions", "postgres", "TestPlace", []edit{
		{"postgres/position.go", "known := p.identity == t.Identity && p.identity != \"\"", "known := true"},
		{"postgres/position.go", "	if lost || identity != p.identity {\n		p.identity, p.list = identity, nil\n	}\n", ""},
	}},
	{"what was invalidated by name here does not matter", "postgres", "TestSharedIsJudged", []edit{
		{"takeover.go", "if !ok || !c.youngerThanNames(f.entry, placed.Made) {", "if !ok {"},
	}},
	{"a page is as young as its fill, not as its parts", "postgres", "TestSharedIsJudged", []edit{
		{"fill.go", "	if f.parts > 0 {\n		l.made = min(l.made, f.parts)\n	}\n", ""},
	}},
	{"the build is no input", "postgres", "TestSharedWithWhom", []edit{
		{"sharing.go", "what := fmt.Sprintf(\"%q %q %q %d %v\", build,", "what := fmt.Sprintf(\"%q %q %q %d %v\", build[:0],"},
	}},
	{"the deployment is no input", "postgres", "TestSharedWithWhom", []edit{
		{"sharing.go", "build, o.Deployment, c.options", "build, \"\", c.options"},
	}},
	{"tags are told to everybody", "postgres", "TestNotShared", []edit{
		{"fill.go", "f.local || d.Alone || s == nil || s.positioned == nil", "f.local || d.Alone"},
	}},
	{"what ends by the database's clock ends everywhere", "postgres", "TestNotShared", []edit{
		{"fill.go", "f.local || d.Alone || s == nil", "f.local || s == nil"},
	}},
	{"what ends by this machine's clock is shared", "postgres", "TestNotShared", []edit{
		{"fill.go", "	f.local = true // it ends by the clock of this machine\n", ""},
	}},
	{"a handler without a name is the same everywhere", "postgres", "TestNotShared", []edit{
		{"respond.go", "	if g.Name == \"\" {\n		f.stayHere()\n	}\n", ""},
	}},
}

// keeping are mistakes in how they are kept.
var keeping = []excess{
	{"what is kept has no lifetime", "redisstore", "TestStore", []edit{
		{"redisstore/store.go", ".PxMilliseconds(max(1, ttl.Milliseconds()))", ""},
	}},
	{"what somebody else has put there is a failure", "redisstore", "TestServerFails", []edit{
		{"redisstore/store.go", "strings.HasPrefix(e.Error(), \"WRONGTYPE\")", "strings.HasPrefix(e.Error(), \"NONE\")"},
	}},
}

// sealed are those that tests of the root package find.
var sealed = []lapse{
	{"the secret is not in the seal", "TestSeal", []edit{
		{"seal.go", "m := hmac.New(sha256.New, s.secret[:])", "m := hmac.New(sha256.New, nil)"},
	}},
	{"a seal is not for a name", "TestSeal", []edit{
		{"seal.go", "	return append(append(b, flags), name...)\n", "	return append(b, flags)\n"},
	}},
	{"what is unpacked has no bound", "TestSeal", []edit{
		{"seal.go", ", zstd.WithDecoderMaxMemory(uint64(maxUnpacks*maxBytes)))", ")"},
		{"seal.go", "; err != nil || len(plain) > maxUnpacks*s.maxBytes {", "; err != nil {"},
	}},
	{"clocks agree", "TestForeignTimes", []edit{
		{"sharedentry.go", "left := min(time.Unix(0, expires).Sub(now.Round(0)), time.Duration(remaining))", "_ = expires\n\tleft := time.Duration(remaining)"},
	}},
	{"a shared store that fails is asked all the same", "TestSharedStoreFails", []edit{
		{"takeover.go", "	if !sh.gets.allows(time.Now()) {", "	if false {"},
	}},
	{"a request waits for the shared store", "TestSharedStoreFails", []edit{
		{"takeover.go", "	timer := time.NewTimer(sh.Wait)\n", "	timer := time.NewTimer(time.Hour)\n"},
	}},
	{"the shared store is asked after the look", "TestSharedStoreIsAskedBesideTheLook", []edit{
		{"takeover.go", "	asked := sh.fetch(ctx, keys)\n", ""},
		{"takeover.go", "	found, ok := sh.await(ctx, asked, timer)\n", "	found, ok := sh.await(ctx, sh.fetch(ctx, keys), timer)\n"},
	}},
}
