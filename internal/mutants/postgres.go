package main

// strict are mistakes in how Postgres is followed, and in what is told of a
// statement.
var strict = []excess{
	{"what was running at the look before is not asked for", "postgres", "TestHammer", []edit{
		{"postgres/follower.go", "texts(f.last.running), maxLook", "texts(nil), maxLook"},
	}},
	{"what the look before did not show is taken for seen", "postgres", "TestHammer", []edit{
		{"postgres/follower.go", "return xid < s.xmax && !slices.Contains(s.running, xid)", "return xid < s.xmax"},
	}},
	{"where no transaction has begun nothing is new, whatever was running", "postgres", "TestLooksReadWhatIsNew", []edit{
		{"postgres/setup.sql", "	IF since OPERATOR(pg_catalog.>=) until AND pg_catalog.cardinality(listed) OPERATOR(pg_catalog.=) 0 THEN", "	IF since OPERATOR(pg_catalog.>=) until THEN"},
	}},
	{"nothing is told", "postgres", "TestHammer", []edit{
		{"postgres/database.go", "	db.Mark(&changes.Changes, nil, more...).Settle()\n", "	_ = more\n"},
	}},
	{"another database is taken for the one before", "postgres", "TestRestarts|TestOutboxEmptied", []edit{
		{"postgres/follower.go", "	case f.identity != a.identity:\n		lost = lostIdentity\n", ""},
	}},
	{"when the server started does not matter", "postgres", "TestRestoredCopy", []edit{
		{"postgres/setup.go", "			extract(epoch FROM pg_catalog.pg_postmaster_start_time()),\n", ""},
	}},
	{"which file the outbox is does not matter", "postgres", "TestOutboxEmptied", []edit{
		{"postgres/setup.go", "pg_catalog.pg_relation_filepath('unstale.outbox'::pg_catalog.regclass)", "'a file'"},
	}},
	{"who deletes rows of the outbox is not noticed", "postgres", "TestOutboxEmptied", []edit{
		{"postgres/setup.sql", "CREATE TRIGGER disturbed AFTER DELETE OR UPDATE ON", "CREATE TRIGGER disturbed AFTER UPDATE ON"},
	}},
	{"the horizon does not matter", "postgres", "TestSweep", []edit{
		{"postgres/follower.go", "	case f.last.xmin < a.horizon:\n		lost = lostHorizon\n", ""},
	}},
	{"rows are swept by the time at which they were written", "postgres", "TestSweep", []edit{
		{"postgres/setup.sql", "DELETE FROM unstale.outbox AS o WHERE o.xid OPERATOR(pg_catalog.<) h.noted;", "DELETE FROM unstale.outbox AS o;"},
	}},
	{"many rows are no rows", "postgres", "TestSetup", []edit{
		{"postgres/setup.go", "	IF n_rows > %d OR table_layout IS NULL THEN\n		INSERT INTO unstale.outbox (relation, operation) VALUES (TG_RELID, 't');\n", "	IF n_rows > %d OR table_layout IS NULL THEN\n"},
	}},
	{"a table that was changed since setup is as it was", "postgres", "TestSetup", []edit{
		{"postgres/setup.go", " AND f.layout OPERATOR(pg_catalog.=) %s;", " AND %s IS NOT NULL;"},
	}},
	{"columns that were renamed or dropped are as they were", "postgres", "TestTablesChange", []edit{
		{"postgres/setup.go", "pg_catalog.concat(a.attname, ' ', a.atttypid), a.attnum", "'', 0"},
	}},
	{"a statement waits for what its own transaction has locked", "postgres", "TestOwnLocks", []edit{
		{"postgres/analysis.go", ", \"lock_timeout\": \"100ms\"", ""},
	}},
	{"a constant is never the time", "postgres", "TestClock", []edit{
		{"postgres/database.go", "	if r.clocked && now.MatchString(sql) {", "	if false {"},
	}},
	{"a term of ORDER BY that is shown stands in the tree twice", "postgres", "TestStatementsOfApplications", []edit{
		{"postgres/resolve.go", "	byReference := make(map[string]*nodetree.Node)\n", "	byReference := make(map[string]*nodetree.Node)\n	shared := make(map[*nodetree.Node]sqldep.Expr)\n"},
		{"postgres/resolve.go", "		e := s.expr(entry.Node(\"expr\"))\n		to.Results", "		e := s.expr(entry.Node(\"expr\"))\n		shared[entry.Node(\"expr\")] = e\n		to.Results"},
		{"postgres/resolve.go", "			return s.expr(n) // once more: a tree holds nothing twice\n", "			if e := shared[n]; e != nil {\n				return e\n			}\n			return s.expr(n)\n"},
	}},
	{"a probe sees every row", "postgres", "TestDifferentialKept", []edit{
		{"internal/sqldep/probe.go", "seen := from.Table == nil || !from.Table.Guarded", "seen := true"},
	}},
	{"a clock that is set back is not noticed", "postgres", "TestClockIsSetBack", []edit{
		{"postgres/follower.go", "	case f.setBack(a):\n", "	case false:\n"},
	}},
	{"nothing is swept until the clock is where it was", "postgres", "TestClockSteps", []edit{
		{"postgres/setup.sql", "		UPDATE unstale.horizon SET noted_at = pg_catalog.clock_timestamp();\n		RETURN;\n", "		RETURN;\n"},
	}},
	{"values of megabytes are read to find whether they changed", "postgres", "TestLargeValues", []edit{
		{"postgres/setup.go", "maxDiffs = 64 << 10", "maxDiffs = 64 << 20"},
	}},
	{"the beginning of a message is all of it", "postgres", "TestFraming", []edit{
		{"postgres/wire.go", "message(f.kind, f.body, len(f.body) == f.length)", "message(f.kind, f.body, true)"},
	}},
	{"a head that is cut is read anew", "postgres", "TestFraming", []edit{
		{"postgres/wire.go", "			f.have, b = f.have+copied, b[copied:]\n", "			f.have, b = copied, b[copied:]\n"},
	}},
	{"a large row is kept", "postgres", "TestLargeRowIsNotKept", []edit{
		{"postgres/wire.go", "min(length-4, f.most(f.kind))", "length-4"},
	}},
	{"a program's own tracer is not called", "postgres", "TestDoorsOfOthers", []edit{
		{"postgres/open.go", "multitracer.New(config.Tracer, tracer{db, retries})", "multitracer.New(tracer{db, retries})"},
	}},
	{"labels do not change", "postgres", "TestClock", []edit{
		{"postgres/catalogue.go", "FROM pg_enum)", "FROM pg_enum WHERE oid = 0)"},
		{"postgres/database.go", "			db.lose(\"schema changed\")\n			return nil\n		case", "			continue\n		case"}, // nor told
	}},
	{"values that are equal are the same", "postgres", "TestSetup", []edit{
		{"postgres/setup.go", "\"NOT pg_catalog.record_image_eq(ROW(%s), ROW(%s))\"", "\"%s IS DISTINCT FROM %s\""},
	}},
	{"triggers do not fire for replicas", "postgres", "TestSetup", []edit{
		{"postgres/setup.go", "ENABLE ALWAYS TRIGGER %[1]s", "ENABLE TRIGGER %[1]s"},
	}},
	{"what others do to the schema is not looked at", "postgres", "TestStrangersChangeTheSchema", []edit{
		{"postgres/database.go", "		if text != c.fingerprint {\n", "		if false {\n"},
	}},
	{"triggers that are off are followed", "postgres", "TestStrangersChangeTheSchema", []edit{
		{"postgres/catalogue.go", "			case !triggers:\n				r.why = notSetUp\n", ""},
	}},
	{"a connection need not prove where it leads", "postgres", "TestAnotherServer", []edit{
		{"postgres/effects.go", "	case seen == nil || t.identity != *seen:\n", "	case seen == nil && t.identity == \"nowhere\":\n"},
	}},
	{"stable functions follow from their arguments", "postgres", "TestBlindSpots", []edit{
		{"postgres/reads.go", "f.system && f.volatility == \"s\" && slices.Contains(settled, f.name):", "f.system && f.volatility == \"s\":"},
	}},
	{"columns of the system are columns", "postgres", "TestBlindSpots", []edit{
		{"postgres/reads.go", "	case number < 0:\n		by.refuse(refusedSystem)\n", "	case number < 0:\n"},
	}},
	{"locks are no writes", "postgres", "TestBlindSpots", []edit{
		{"postgres/reads.go", "n.True(\"hasModifyingCTE\") || n.True(\"hasForUpdate\") || len(n.Nodes(\"rowMarks\")) > 0", "n.True(\"hasModifyingCTE\")"},
	}},
	{"settings of a session do not matter", "postgres", "TestSessions", []edit{
		{"postgres/effects.go", "		t.reason = reasonAltered\n", ""},
	}},
	{"what is copied out calls nothing", "postgres", "TestSessions", []edit{
		{"postgres/effects.go", "		if query || strings", "		if query && false || strings"},
	}},
	{"a user's collation compares bytes", "postgres", "TestCollation", []edit{
		{"postgres/expr.go", " || f.collated() && n.OID(\"inputcollid\") >= 16384 ||", " ||"},
		{"postgres/catalogue.go", "if exact && slices", "if slices"},
		{"postgres/setup.go", "f == familyNone || f.collated() && !c.exact:", "f == familyNone:"},
	}},
	{"an update changes the first column, whichever it is", "postgres", "TestWhatInvalidates", []edit{
		{"postgres/catalogue.go", "		ch.Differs.Add(i)\n", "		ch.Differs.Add(0)\n"},
	}},
	{"conditions of other operators are equalities", "postgres", "TestEqualities", []edit{
		{"postgres/expr.go", "	f := equalities[n.OID(\"opno\")]\n", "	f := equalities[n.OID(\"opno\")]\n	if f == familyNone {\n		f = familyInt\n	}\n"},
		{"postgres/expr.go", "			if equalities[op] != familyNone || s.catalogue.citext.equals[op] {\n", "			if op > 0 {\n"},
		{"postgres/compare.go", "	if equalities[n.OID(\"opno\")] == familyNone {\n		return sqldep.Other{x, y}\n	}\n", ""},
	}},
	{"what only sounds like EXPLAIN changes nothing of a session", "postgres", "TestSessions", []edit{
		{"postgres/effects.go", "!strings.Contains(strings.ToLower(text), \"analy\")", "true"},
	}},
	{"a connection is never given back", "postgres", "TestLoadsShare", []edit{
		{"postgres/open.go", "		defer t.mu.Unlock()\n		t.GiveBack()\n", "		defer t.mu.Unlock()\n"},
	}},
	{"a connection that is held is nobody's", "postgres", "TestLoadsShare", []edit{
		{"postgres/open.go", "		t.Take(ctx)\n", ""},
	}},
	{"a session with other settings means the same", "postgres", "TestSettingsOfRoles", []edit{
		{"postgres/effects.go", "a == nil || *a != t.settings {", "a == nil {"},
		{"postgres/open.go", "a != nil && *a != settings {", "a == nil {"},
	}},
	{"what changes in a table concerns no other", "postgres", "TestKin", []edit{
		{"postgres/catalogue.go", "			k.add(&t.Changes, ch)\n", "			_ = k\n"},
	}},
	{"columns of a partition are those of its parent, by their places", "postgres", "TestKin", []edit{
		{"postgres/kin.go", "return c.Name == r.Columns[i].Name", "return c.Name == t.Columns[min(i, len(t.Columns)-1)].Name"},
		{"postgres/kin.go", "j >= 0 && r.columns[i].typ == t.columns[j].typ", "j >= 0"},
	}},
	{"a child has no columns but its parent's", "postgres", "TestKin", []edit{
		{"postgres/kin.go", "	k.exact = same == len(t.Columns)\n", "	k.exact = true\n"},
	}},
	{"partitions that nobody follows do not matter", "postgres", "TestNewPartition", []edit{
		{"postgres/kin.go", "			r.why = notAll\n", ""},
	}},
	{"what is told of the schema is not heard", "postgres", "TestTold", []edit{
		{"postgres/database.go", "			db.lose(\"schema changed\")\n			return nil\n		case", "			continue\n		case"},
	}},
	{"what is temporary is told", "postgres", "TestTold", []edit{
		{"postgres/events.sql", "AS c WHERE c.schema_name IS DISTINCT FROM 'pg_temp');", "AS c);"},
	}},
	{"a look reads what was committed since the oldest that is running", "postgres", "TestLooksReadWhatIsNew", []edit{
		{"postgres/follower.go", "strconv.FormatUint(f.last.xmax, 10), texts(", "strconv.FormatUint(f.last.xmin, 10), texts("},
	}},
	{"of many rows the first tables are told", "postgres", "TestLooksAreBounded", []edit{
		{"postgres/follower.go", "a.tables, a.more = append(a.tables, *relation), true", "a.tables, a.more = []uint32{*relation}, true"},
	}},
	{"jit is on", "postgres", "TestOurConnections", []edit{
		{"postgres/analysis.go", "	own.RuntimeParams[\"jit\"] = \"off\"\n", ""},
	}},
	{"looks are of the isolation that a database sets", "postgres", "TestOurConnections", []edit{
		{"postgres/analysis.go", "	own.RuntimeParams[\"default_transaction_isolation\"] = \"read committed\"\n", ""},
	}},
	{"names of triggers are of their callers", "postgres", "TestTemporaryNames", []edit{
		{"postgres/setup.go", "SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %[2]s", "SECURITY DEFINER SET search_path = pg_catalog AS %[2]s"},
		{"postgres/setup.go", "return \"ARRAY[\" + strings.Join(list, \", \") + \"]::pg_catalog.text[]\"", "return \"ARRAY[\" + strings.Join(list, \", \") + \"]::text[]\""},
	}},
	{"a row has the number of its subtransaction", "postgres", "TestHammer", []edit{
		{
			"postgres/setup.sql",
			"			SELECT * FROM unstale.outbox AS o WHERE o.xid OPERATOR(pg_catalog.>=) since AND o.xid OPERATOR(pg_catalog.<) until\n			UNION ALL\n",
			"			SELECT * FROM unstale.outbox AS o WHERE o.xmin::pg_catalog.text::pg_catalog.xid8 OPERATOR(pg_catalog.>=) since AND o.xmin::pg_catalog.text::pg_catalog.xid8 OPERATOR(pg_catalog.<) until\n			UNION ALL\n",
		},
	}},
	{"a look is of several snapshots", "postgres", "TestHammer", []edit{
		{"postgres/setup.sql", "LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $unstale$\nDECLARE n_rows", "LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $unstale$\nDECLARE n_rows"},
		{"postgres/setup.sql", "	RETURN QUERY SELECT NULL::pg_catalog.text, NULL::pg_catalog.oid, NULL::pg_catalog.text, 'h'", "	PERFORM pg_catalog.pg_sleep(0.002);\n	RETURN QUERY SELECT NULL::pg_catalog.text, NULL::pg_catalog.oid, NULL::pg_catalog.text, 'h'"},
	}},
	{"the outbox is not logged", "postgres", "TestPrepared", []edit{
		{"postgres/setup.sql", "CREATE TABLE IF NOT EXISTS unstale.outbox", "CREATE UNLOGGED TABLE IF NOT EXISTS unstale.outbox"},
	}},
	{"a standby is looked at", "postgres", "TestPromotion", []edit{
		{"postgres/setup.sql", "CREATE UNLOGGED TABLE IF NOT EXISTS unstale.generation", "CREATE TABLE IF NOT EXISTS unstale.generation"},
		{"postgres/setup.go", "			pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8),\n", ""},
		{"postgres/effects.go", "	case t.standby:\n", "	case false:\n"},
	}},
	{"trees of 14 are those of 15", "postgres", "TestTrees", []edit{
		{"postgres/internal/nodetree/nodetree.go", "	if now, ok := renamed[n.Tag]; ok {\n", "	if now, ok := renamed[n.Tag]; ok && false {\n"},
	}},
	{"what is named elsewhere is not invalidated", "postgres", "TestInvalidate$", []edit{
		{"postgres/database.go", "			ok = ok && db.named(ctx, r.now)\n		default", "		default"},
	}},
	{"what is made from no database does not look", "postgres", "TestInvalidate$", []edit{
		{"postgres/database.go", "func (db *database) ID() string {", "func (db *database) id() string {"},
	}},
	{"more names than a look has are no names", "postgres", "TestInvalidate$", []edit{
		{"postgres/catalogue.go", "	if r == nil {\n		return false\n", "	if r == nil {\n		return row.relation == 0\n"},
	}},
	{"what invalidates by name changes the session", "postgres", "TestInvalidateLeavesTheSession", []edit{
		{"postgres/analysis.go", "f.ours = ours != nil && *ours", "f.ours = false"},
	}},

	// In translation, values and orders: TestDifferential finds them, too, sooner or later.
	{"all is any", "postgres", "TestDifferentialKept", []edit{
		{"postgres/expr.go", "n.True(\"useOr\") && len(args) == 2", "len(args) == 2"},
	}},
	{"what holds for the first of a kind holds for all", "postgres", "TestDifferentialKept", []edit{
		{"internal/sqldep/block.go", "	if len(b.DistinctOn) > 0 && !slices", "	if false && !slices"},
	}},
	{"a full join is an inner one", "postgres", "TestDifferentialKept", []edit{
		{"postgres/from.go", "			s.fullJoin(left, right, n.Node(\"quals\"))\n", "			s.join(left)\n			s.join(right)\n			s.where(n.Node(\"quals\"))\n"},
	}},
	{"what decides on the right side of a left join decides on both", "postgres", "TestDifferentialKept", []edit{
		{"postgres/from.go", "			it.On = and(it.On, s.condition(on))\n			return", "			s.to.Where = and(s.to.Where, s.condition(on))\n			return"},
	}},
	{"1.5 is not 1.50", "postgres", "TestDifferentialKept", []edit{
		{"postgres/values.go", "strings.TrimLeft(whole, \"0\"), strings.TrimRight(fraction, \"0\")", "strings.TrimLeft(whole, \"0\"), fraction"},
	}},
	{"spaces at the end of a char(n) count", "postgres", "TestDifferentialKept", []edit{
		{"postgres/values.go", "		return bounded(strings.TrimRight(s, \" \"))\n", "		return bounded(s)\n"},
	}},
	{"a float4 is read like a float8", "postgres", "TestDifferentialKept", []edit{
		{"postgres/values.go", "		bits = 32\n", ""},
	}},
	{"infinity is a day", "postgres", "TestDifferentialKept", []edit{
		{"postgres/values.go", "	case typ == pgDate && n == math.MaxInt32:\n		return shape.Int(math.MaxInt64)\n", ""},
	}},
	{"NULL comes before every value", "postgres", "TestDifferentialKept", []edit{
		{"postgres/types.go", "	placeNull  = 3\n", "	placeNull  = 0\n"},
	}},
	{"what is sorted by > is sorted by <", "postgres", "TestDifferentialKept", []edit{
		{"postgres/types.go", "521: {familyInt, true}", "521: {familyInt, false}"},
	}},
	{"every collation sorts by bytes", "postgres", "TestDifferentialKept", []edit{
		{"postgres/types.go", "	if t.family.collated() && !t.bytes || t.family", "	if t.family"},
	}},
	{"policies decide nothing", "postgres", "TestDifferentialKept", []edit{
		{"postgres/from.go", "		s.to.Add(it.Item)\n		for _, q := range entry.Nodes(\"securityQuals\") {\n			s.where(q)\n		}\n", "		s.to.Add(it.Item)\n"},
	}},
	{"a query that is cut is a part of the one around", "postgres", "TestDifferentialKept", []edit{
		{"postgres/from.go", "\"distinctClause\", \"limitCount\", \"limitOffset\", \"rowMarks\"", "\"distinctClause\", \"rowMarks\""},
	}},
	{"what a replica writes has its parents", "postgres", "TestDifferentialKept", []edit{
		{"postgres/database.go", "		unenforced = unenforced || a.rows[i].operation == operationReplica\n", ""},
	}},
	{"what a query in FROM uses decides nothing", "postgres", "TestDifferentialKept", []edit{
		{"internal/sqldep/walk.go", "	b.role = roleFilter // what a query in FROM uses decides which rows there are\n", ""},
	}},
	{"what follows from rows of a function follows from no row", "postgres", "TestDifferentialKept", []edit{
		{"postgres/from.go", "			it.Args = append(it.Args, s.parts(entry.Get(name)))\n", "			_ = s.parts(entry.Get(name))\n"},
	}},
	{"a NULL that comes last is an end like others", "postgres", "TestDifferentialKept", []edit{
		{"internal/shape/run.go", "(s.Span.Limit == nil || s.Span.Value) && s", "s.Span.Limit == nil && s"},
	}},
	{"labels are sorted by their letters", "postgres", "TestDifferentialKept", []edit{
		{"postgres/catalogue.go", "FROM pg_enum ORDER BY enumtypid, enumsortorder", "FROM pg_enum ORDER BY enumtypid, enumlabel"},
	}},
	{"groups are rows", "postgres", "TestDifferentialKept", []edit{
		{"postgres/from.go", "\"groupClause\", \"groupingSets\", \"havingQual\"", "\"havingQual\""},
	}},
	{"what is above is below", "postgres", "TestDifferentialKept", []edit{
		{"postgres/compare.go", "	if by.above {\n", "	if !by.above {\n"},
	}},
	{"rows are below another one if each of their values is", "postgres", "TestDifferentialKept", []edit{
		{"postgres/compare.go", "	return s.atMost(by, collations[0], x, y, more)\n", "	z := s.side(left[1])\n	return sqldep.Bool{X: s.atMost(by, collations[0], x, y, nil), Y: s.atMost(comparisons[operators[1]], collations[1], z, s.side(right[1]), nil)}\n"},
	}},
	{"a filter whose parameter is NULL selects", "postgres", "TestDifferentialKept", []edit{
		{"internal/shape/guard.go", "return ok && v.kind != KindNull", "return ok"},
	}},
	{"spaces at the end of a parameter count", "postgres", "TestDifferentialKept", []edit{
		{"postgres/compare.go", "	return f != familyNone && f == g\n", "	return max(f, g) >= 0\n"},
	}},
	{"a column that may be NULL equals what coalesce does", "postgres", "TestDifferentialKept", []edit{
		{"postgres/compare.go", "		if e, ok := s.equal(n, c, value).(sqldep.Equal); ok {\n			return sqldep.Bool{Or: true, X: e, Y: sqldep.IsNull{X: c}}\n", "		if e, ok := s.equal(n, c, value).(sqldep.Equal); ok {\n			return e\n"},
	}},
	{"letters that are not ASCII's are their own lower case", "postgres", "TestDifferentialKept", []edit{
		{"postgres/types.go", "		case c >= utf8.RuneSelf:\n			return v, false\n", "		case c >= utf8.RuneSelf:\n"},
	}},
	{"case counts", "postgres", "TestDifferentialKept", []edit{
		{"postgres/types.go", "		case 'A' <= c && c <= 'Z':\n			b[i] += 'a' - 'A'\n", "		case 'A' <= c && c <= 'Z':\n			b[i] = c\n"},
	}},
	{"a parameter that is not true is false", "postgres", "TestDifferentialKept", []edit{
		{"postgres/expr.go", "	case \"VAR\", \"PARAM\":\n		return yes(n, 1)\n", "	case \"VAR\", \"PARAM\":\n		return yes(n, 0)\n"},
	}},
	{"a key tells rows of children apart", "postgres", "TestDifferentialKept", []edit{
		{"postgres/setup.go", "h.relkind = 'r' AND h.relhassubclass", "h.relkind = 'q' AND h.relhassubclass"},
	}},
	{"what ends does not end", "postgres", "TestEnds", []edit{
		{"postgres/database.go", "	db.Pass(a.clock)\n", "	db.Pass(min(a.clock, 1))\n"},
	}},
	{"what is skipped does not end", "postgres", "TestEnds", []edit{
		{"internal/sqldep/sources.go", " && b.shows() && b.Offset == nil {", " && b.shows() {"},
	}},
	{"what looks at the clock once looks nowhere else", "postgres", "TestEnds", []edit{
		{"postgres/reads.go", "	if len(until) != len(r.present) || len(p.Ends) != len(r.present) {", "	if _ = until; len(p.Ends) == 0 && len(r.present) > 0 {"},
	}},
	{"a query may stand in the tree twice", "internal/sqldep", "TestNothingStandsTwice", []edit{
		{"internal/sqldep/analyze.go", "			a.fail(CoarseTwice)\n			return nil\n", ""},
	}},
	{"the analysis may panic in a request", "internal/sqldep", "TestSafely", []edit{
		{"internal/sqldep/safely.go", "if v := recover(); v != nil {", "if v := any(nil); v != nil {"},
	}},
}
