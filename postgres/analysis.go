package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/unstale/unstale/postgres/internal/nodetree"
)

// An analysis is a connection of its own on which statements are parsed, never run,
// while the server prints what it makes of them: names, operators, views and policies
// resolved (debug_print_rewritten).
type analysis struct {
	config *pgx.ConnConfig
	after  func(context.Context, *pgx.Conn) error // the program's own AfterConnect, or nil

	mu        sync.Mutex
	conn      *pgx.Conn // nil: there is none
	printed   []string
	functions map[uint32]function
	settings  atomic.Pointer[string] // of the connection that was made last
	closed    bool
}

var errClosed = errors.New("unstale/postgres: database closed")

// lookName begins the application_name of connections of looks.
const lookName = "unstale look"

// ownConfig returns a configuration for connections of ours to the same database, as
// the same role. Settings that nobody who looks at our statements could want are ours.
func ownConfig(c *pgx.ConnConfig, name string, settings map[string]string) *pgx.ConnConfig {
	own := c.Copy()
	own.Tracer, own.AfterNetConnect, own.AfterConnect, own.OnNotice, own.OnNotification = nil, nil, nil, nil, nil
	own.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	own.RuntimeParams = maps.Clone(c.RuntimeParams)
	if own.RuntimeParams == nil {
		own.RuntimeParams = make(map[string]string)
	}
	if app := own.RuntimeParams["application_name"]; app != "" {
		name += " for " + app
	}
	own.RuntimeParams["application_name"] = "unstale " + name // Report.Nodes are told by it
	own.RuntimeParams["default_transaction_isolation"] = "read committed"
	own.RuntimeParams["jit"] = "off"
	own.RuntimeParams["statement_timeout"] = "10s"
	own.RuntimeParams["lock_timeout"] = "0"
	own.RuntimeParams["idle_session_timeout"] = "0"
	own.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	maps.Copy(own.RuntimeParams, settings)
	return own
}

func newAnalysis(c *pgx.ConnConfig, after func(context.Context, *pgx.Conn) error) *analysis {
	a := &analysis{after: after, functions: make(map[uint32]function)}
	a.config = ownConfig(c, "analysis", map[string]string{"debug_print_rewritten": "on", "debug_pretty_print": "off", "client_min_messages": "log", "lock_timeout": "100ms"})
	a.config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.Message == "rewritten parse tree:" {
			a.printed = append(a.printed, n.Detail)
		}
	}
	return a
}

// with calls f with the connection. Where it fails for good, the next call has a new
// one.
func (a *analysis) with(ctx context.Context, f func(*pgx.Conn) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return errClosed
	}
	if a.conn == nil || a.conn.IsClosed() {
		conn, err := pgx.ConnectConfig(ctx, a.config)
		if err != nil {
			return fmt.Errorf("unstale/postgres: connect for analysis: %w", err)
		}
		if a.after != nil {
			if err := a.after(ctx, conn); err != nil {
				_ = conn.Close(ctx)
				return fmt.Errorf("unstale/postgres: AfterConnect for analysis: %w", err)
			}
		}
		// Trees are not for the server's log, where that may be said.
		_, _ = conn.Exec(ctx, "SET log_min_messages = fatal")
		var settings string
		if err := conn.QueryRow(ctx, "SELECT "+settingsSQL).Scan(&settings); err != nil {
			_ = conn.Close(ctx)
			return fmt.Errorf("unstale/postgres: settings for analysis: %w", err)
		}
		a.settings.Store(&settings)
		a.conn = conn
	}
	return f(a.conn)
}

// settingsSQL is by what a text may mean something else in another session. What one has
// from the beginning follows from the data source name, the role and the database, and
// the last two may be given others meanwhile.
const settingsSQL = `concat_ws(' ', current_user, session_user, quote_literal(current_setting('search_path')), quote_literal(current_setting('TimeZone')),
	quote_literal(current_setting('DateStyle')), current_setting('IntervalStyle'), current_setting('row_security'), current_setting('default_text_search_config'),
	current_setting('bytea_output'), current_setting('extra_float_digits'), current_setting('standard_conforming_strings'), current_setting('transform_null_equals'))`

// renew has the next call connect anew.
func (a *analysis) renew() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), callWithin)
		defer cancel()
		_ = a.conn.Close(ctx)
		a.conn = nil
	}
}

func (a *analysis) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.conn != nil {
		_ = a.conn.Close(context.Background())
		a.conn = nil
	}
}

// load reads the catalogue.
func (a *analysis) load(ctx context.Context) (c *catalogue, err error) {
	err = a.with(ctx, func(conn *pgx.Conn) error {
		c, err = load(ctx, conn)
		return err
	})
	return c, err
}

// parse has the server parse a text, and returns what it prints.
func (a *analysis) parse(ctx context.Context, sql string, types []uint32) (s *statement, err error) {
	err = a.with(ctx, func(conn *pgx.Conn) error {
		a.printed = nil
		d, err := conn.PgConn().Prepare(ctx, "", sql, types)
		printed := a.printed
		a.printed = nil
		if err != nil {
			return err
		}
		s = &statement{parameters: d.ParamOIDs}
		for _, f := range d.Fields {
			s.results = append(s.results, f.DataTypeOID)
		}
		for _, text := range printed {
			v, err := nodetree.Parse(text)
			if err != nil {
				return fmt.Errorf("unstale/postgres: %w", err)
			}
			switch v := v.(type) {
			case *nodetree.Node:
				s.trees = append(s.trees, v)
			case nodetree.List:
				for _, item := range v.Items {
					if n, ok := item.(*nodetree.Node); ok {
						s.trees = append(s.trees, n)
					}
				}
			}
		}
		return nil
	})
	return s, err
}

// called returns what is known of functions.
func (a *analysis) called(ctx context.Context, oids map[uint32]bool) (known map[uint32]function, err error) {
	err = a.with(ctx, func(conn *pgx.Conn) error {
		var missing []uint32
		for oid := range oids {
			if _, ok := a.functions[oid]; !ok {
				missing = append(missing, oid)
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			rows, err := conn.Query(ctx, `SELECT p.oid, p.proname, p.oid < 16384, p.pronamespace = to_regnamespace('unstale'), p.provolatile::text, l.lanname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.oid = ANY ($1)`, missing)
			if err != nil {
				return err
			}
			for rows.Next() {
				var oid uint32
				var f function
				var ours *bool
				if err := rows.Scan(&oid, &f.name, &f.system, &ours, &f.volatility, &f.language); err != nil {
					return err
				}
				f.ours = ours != nil && *ours
				if f.system || len(a.functions) < maxFunctions {
					a.functions[oid] = f
				}
			}
			if err := rows.Err(); err != nil {
				return err
			}
		}
		known = make(map[uint32]function)
		for oid := range oids {
			if f, ok := a.functions[oid]; ok {
				known[oid] = f
			}
		}
		return nil
	})
	return known, err
}

// maxFunctions bounds those of users that are remembered.
const maxFunctions = 10_000

// forget forgets what users may have changed.
func (a *analysis) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.functions, func(_ uint32, f function) bool { return !f.system })
}
