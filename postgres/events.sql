-- Whatever changes the schema is told in its own transaction, where an event trigger may
-- be made: it takes a superuser, or what a provider has in place of one.
CREATE OR REPLACE FUNCTION unstale.defined() RETURNS pg_catalog.event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $unstale$
DECLARE lasting pg_catalog.bool;
BEGIN
	IF pg_catalog.to_regclass('unstale.outbox') IS NULL THEN RETURN; END IF; -- it is being removed
	IF TG_EVENT OPERATOR(pg_catalog.=) 'sql_drop' THEN
		lasting := EXISTS (SELECT FROM pg_catalog.pg_event_trigger_dropped_objects() AS d WHERE NOT d.is_temporary);
	ELSE
		lasting := EXISTS (SELECT FROM pg_catalog.pg_event_trigger_ddl_commands() AS c WHERE c.schema_name IS DISTINCT FROM 'pg_temp');
	END IF;
	IF lasting THEN
		INSERT INTO unstale.outbox (relation, operation) VALUES (0, 's');
	END IF;
END $unstale$;
REVOKE ALL ON FUNCTION unstale.defined() FROM PUBLIC;
DO $unstale$
BEGIN
	IF (SELECT pg_catalog.count(*) FROM pg_catalog.pg_event_trigger AS e WHERE e.evtname IN ('unstale_defined', 'unstale_dropped')
			AND e.evtenabled OPERATOR(pg_catalog.=) 'A' AND e.evtfoid OPERATOR(pg_catalog.=) 'unstale.defined()'::pg_catalog.regprocedure) OPERATOR(pg_catalog.=) 2 THEN
		RETURN;
	END IF;
	DROP EVENT TRIGGER IF EXISTS unstale_defined;
	DROP EVENT TRIGGER IF EXISTS unstale_dropped;
	CREATE EVENT TRIGGER unstale_defined ON ddl_command_end EXECUTE FUNCTION unstale.defined();
	ALTER EVENT TRIGGER unstale_defined ENABLE ALWAYS;
	CREATE EVENT TRIGGER unstale_dropped ON sql_drop EXECUTE FUNCTION unstale.defined();
	ALTER EVENT TRIGGER unstale_dropped ENABLE ALWAYS;
EXCEPTION WHEN insufficient_privilege THEN
	NULL; -- the catalogue is looked at once a second in any case
END $unstale$;
