CREATE SCHEMA IF NOT EXISTS unstale;
REVOKE ALL ON SCHEMA unstale FROM PUBLIC;

CREATE TABLE IF NOT EXISTS unstale.version (
	one pg_catalog.bool PRIMARY KEY DEFAULT true CHECK (one),
	number pg_catalog.int4 NOT NULL
);
INSERT INTO unstale.version (number) VALUES ($VERSION) ON CONFLICT (one) DO UPDATE SET number = excluded.number;

-- What has changed, written by triggers in the transaction that changed it. It is logged,
-- so that a transaction that is prepared keeps its rows through a crash.
CREATE TABLE IF NOT EXISTS unstale.outbox (
	xid pg_catalog.xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(), -- of the top level
	relation pg_catalog.oid NOT NULL,
	layout pg_catalog.int8, -- what the table was like: columns are those of that time
	operation pg_catalog."char" NOT NULL, -- i, u, d, t: the whole table, n: what is named by new (unstale.invalidate), or r: as a replica, which enforces no foreign keys
	old pg_catalog.text[],
	new pg_catalog.text[],
	differs pg_catalog.int2[]
);
CREATE INDEX IF NOT EXISTS outbox_xid ON unstale.outbox (xid);

-- A crash, also of one backend, empties this table, a failover, too.
CREATE UNLOGGED TABLE IF NOT EXISTS unstale.generation (
	one pg_catalog.bool PRIMARY KEY DEFAULT true CHECK (one),
	random pg_catalog.uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid()
);

CREATE TABLE IF NOT EXISTS unstale.horizon (
	one pg_catalog.bool PRIMARY KEY DEFAULT true CHECK (one),
	noted_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	noted pg_catalog.xid8 NOT NULL DEFAULT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()),
	horizon pg_catalog.xid8 NOT NULL DEFAULT '0' -- rows below it may be gone
);
INSERT INTO unstale.horizon DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS unstale.followed (
	relation pg_catalog.oid PRIMARY KEY,
	layout pg_catalog.int8 NOT NULL,
	columns pg_catalog.int2[] NOT NULL, -- numbers of those that an image holds, in its order
	version pg_catalog.int4 NOT NULL
);

-- What tells this database, as it is now, from every other, and from what it was before
-- a crash, a failover, a restart, or before somebody emptied the outbox.
CREATE OR REPLACE FUNCTION unstale.identity() RETURNS pg_catalog.text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $unstale$
BEGIN
	RETURN (SELECT $IDENTITY FROM unstale.generation AS g WHERE g.one);
END $unstale$;

-- A look: whose snapshot, what tells the database, and the changes that are visible in
-- that snapshot and were not in the one before, which ended at since, with listed still
-- running. It is stable, so that all it reads is of the one snapshot of its caller. Most
-- looks find nothing new: where no transaction has begun since, and none was running, there
-- is nothing to look for. It calls no other function of ours, which would take longer than
-- all the rest.
CREATE OR REPLACE FUNCTION unstale.look(since pg_catalog.xid8, listed pg_catalog.xid8[], most pg_catalog.int4)
RETURNS TABLE (xid pg_catalog.text, relation pg_catalog.oid, layout pg_catalog.text, operation pg_catalog.text,
	old pg_catalog.text[], new pg_catalog.text[], differs pg_catalog.int2[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $unstale$
DECLARE n_rows pg_catalog.int8; until pg_catalog.xid8 := pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot());
BEGIN
	RETURN QUERY SELECT NULL::pg_catalog.text, NULL::pg_catalog.oid, NULL::pg_catalog.text, 'h'::pg_catalog.text,
		ARRAY[pg_catalog.pg_current_snapshot()::pg_catalog.text, $IDENTITY, h.horizon::pg_catalog.text,
			((extract(epoch FROM pg_catalog.clock_timestamp()) - 946684800) * 1000000)::pg_catalog.int8::pg_catalog.text]::pg_catalog.text[], NULL::pg_catalog.text[], NULL::pg_catalog.int2[]
		FROM unstale.horizon AS h LEFT JOIN unstale.generation AS g ON g.one WHERE h.one;
	IF since OPERATOR(pg_catalog.>=) until AND pg_catalog.cardinality(listed) OPERATOR(pg_catalog.=) 0 THEN
		RETURN;
	END IF;
	RETURN QUERY SELECT q.xid::pg_catalog.text, q.relation, q.layout::pg_catalog.text, q.operation::pg_catalog.text, q.old, q.new, q.differs FROM (
			SELECT * FROM unstale.outbox AS o WHERE o.xid OPERATOR(pg_catalog.>=) since AND o.xid OPERATOR(pg_catalog.<) until
			UNION ALL
			SELECT * FROM unstale.outbox AS o WHERE o.xid OPERATOR(pg_catalog.=) ANY (listed) AND o.xid OPERATOR(pg_catalog.<) since
		) AS q LIMIT most + 1;
	GET DIAGNOSTICS n_rows = ROW_COUNT;
	IF n_rows > most THEN
		RETURN QUERY SELECT NULL::pg_catalog.text, q.relation, NULL::pg_catalog.text, 't'::pg_catalog.text, NULL::pg_catalog.text[], NULL::pg_catalog.text[], NULL::pg_catalog.int2[] FROM (
			SELECT o.relation FROM unstale.outbox AS o WHERE o.xid OPERATOR(pg_catalog.>=) since AND o.xid OPERATOR(pg_catalog.<) until
			UNION
			SELECT o.relation FROM unstale.outbox AS o WHERE o.xid OPERATOR(pg_catalog.=) ANY (listed) AND o.xid OPERATOR(pg_catalog.<) since
		) AS q;
	END IF;
END $unstale$;

CREATE OR REPLACE FUNCTION unstale.begin() RETURNS pg_catalog.void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $unstale$
	INSERT INTO unstale.generation DEFAULT VALUES ON CONFLICT DO NOTHING;
$unstale$;

-- Deletes what nobody needs: rows of transactions that were over when a snapshot was
-- taken, at least the retention ago. The horizon is written in the same transaction.
CREATE OR REPLACE FUNCTION unstale.sweep(retention pg_catalog.interval) RETURNS pg_catalog.void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $unstale$
DECLARE h unstale.horizon;
BEGIN
	IF NOT pg_catalog.pg_try_advisory_xact_lock(7957698, 1) THEN RETURN; END IF;
	SELECT * INTO h FROM unstale.horizon WHERE one FOR UPDATE;
	IF h.noted_at OPERATOR(pg_catalog.>) pg_catalog.clock_timestamp() THEN -- it was set back: the wait begins anew
		UPDATE unstale.horizon SET noted_at = pg_catalog.clock_timestamp();
		RETURN;
	END IF;
	IF h.noted_at OPERATOR(pg_catalog.>) (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) retention) THEN RETURN; END IF;
	PERFORM pg_catalog.set_config('unstale.sweeping', 'on', true);
	DELETE FROM unstale.outbox AS o WHERE o.xid OPERATOR(pg_catalog.<) h.noted;
	PERFORM pg_catalog.set_config('unstale.sweeping', 'off', true);
	UPDATE unstale.horizon SET horizon = h.noted, noted = pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()), noted_at = pg_catalog.clock_timestamp();
END $unstale$;

-- Whoever else deletes or changes rows of the outbox makes it another one.
CREATE OR REPLACE FUNCTION unstale.disturbed() RETURNS pg_catalog.trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $unstale$
BEGIN
	IF pg_catalog.current_setting('unstale.sweeping', true) IS DISTINCT FROM 'on' THEN
		UPDATE unstale.generation SET random = pg_catalog.gen_random_uuid();
	END IF;
	RETURN NULL;
END $unstale$;
DROP TRIGGER IF EXISTS disturbed ON unstale.outbox;
CREATE TRIGGER disturbed AFTER DELETE OR UPDATE ON unstale.outbox FOR EACH STATEMENT EXECUTE FUNCTION unstale.disturbed();
ALTER TABLE unstale.outbox ENABLE ALWAYS TRIGGER disturbed;

CREATE OR REPLACE FUNCTION unstale.truncated() RETURNS pg_catalog.trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $unstale$
BEGIN
	INSERT INTO unstale.outbox (relation, operation) VALUES (TG_RELID, 't');
	RETURN NULL;
END $unstale$;

-- Invalidates by name, on every node, when the transaction is committed. Targets are as
-- MarshalTargets of package unstale writes them, such as [["tag", "menu"]]. Who may call it
-- need not be one who may look.
CREATE OR REPLACE FUNCTION unstale.invalidate(targets pg_catalog.text) RETURNS pg_catalog.void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $unstale$
DECLARE target pg_catalog.json; kind pg_catalog.text; n_targets pg_catalog.int4;
BEGIN
	IF pg_catalog.octet_length(targets) OPERATOR(pg_catalog.>) $BYTES THEN
		RAISE EXCEPTION 'unstale: targets of more than $BYTES bytes' USING ERRCODE = 'program_limit_exceeded';
	END IF;
	n_targets := pg_catalog.json_array_length(targets::pg_catalog.json);
	IF n_targets IS NULL OR n_targets OPERATOR(pg_catalog.<) 1 OR n_targets OPERATOR(pg_catalog.>) $TARGETS THEN
		RAISE EXCEPTION 'unstale: at least one target, and at most $TARGETS' USING ERRCODE = 'program_limit_exceeded';
	END IF;
	FOR target IN SELECT e.value FROM pg_catalog.json_array_elements(targets::pg_catalog.json) AS e LOOP
		kind := target OPERATOR(pg_catalog.->>) 0;
		IF kind IS NULL OR NOT kind OPERATOR(pg_catalog.=) ANY (ARRAY['tag', 'key', 'pattern']::pg_catalog.text[])
			OR coalesce(target OPERATOR(pg_catalog.->>) 1, '') OPERATOR(pg_catalog.=) '' THEN
			RAISE EXCEPTION 'unstale: % is no target, as ["tag", name], ["key", key] and ["pattern", pattern, id, ...] are', target USING ERRCODE = 'invalid_parameter_value';
		END IF;
	END LOOP;
	INSERT INTO unstale.outbox (relation, operation, new) VALUES (0, 'n', ARRAY[targets]::pg_catalog.text[]);
END $unstale$;

REVOKE ALL ON ALL TABLES IN SCHEMA unstale FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA unstale FROM PUBLIC;
