package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/unstale/unstale/internal/adapter"
)

// A Report is what is followed of a database, and what is not.
type Report struct {
	Version   int       // of what Setup made; 0: it has not been run
	Current   bool      // that is what this version of the package makes, and works with
	Followed  []string  // tables, as "schema.table"
	Coarse    []string  // of those, which have changed since Setup: whatever changes in one concerns all that is made of it, until Setup is run again
	Blind     []Blind   // what is not followed: an answer that is made of it is not stored
	Outbox    int64     // rows, about
	Bytes     int64     // of the outbox and its index
	Swept     time.Time // when rows were last allowed to go
	ReadOnly  bool      // the server is a standby: nothing that is read there is stored
	Connected string    // version of the server
	Told      bool      // what others do to the schema is told in their transactions, by event triggers; else it is noticed within a second or so
	Oldest    time.Time // the oldest row of the outbox was written before; zero: every row is younger than Swept
	Nodes     []Node    // that look at the database now; a role without pg_read_all_stats sees its own
	Held      Held      // what keeps rows from being swept; zero: nothing does for longer than they are kept
}

// A Node is a process that follows the database: the connection by which it looks.
type Node struct {
	Name   string    // the application_name of its DSN, or ""
	Addr   string    // host and port, as the server sees them; "local" through a socket
	Looked time.Time // when its last look began, by the server's clock; zero: the role that asks may not see that (pg_read_all_stats)
}

// A Held is the oldest transaction that is open, or prepared: rows of those that ran beside
// it stay in the outbox.
type Held struct {
	Name  string // "pid 17" and its application, or "prepared" and its name
	Since time.Time
}

// A Blind is a relation of whose changes nobody is told.
type Blind struct{ Name, Why string }

// String is for people.
func (r *Report) String() string {
	var b strings.Builder
	switch {
	case r.Version == 0:
		return "not set up: run unstale postgres setup\n"
	case !r.Current:
		fmt.Fprintf(&b, "set up by another version (%d, this is %d): run setup again\n", r.Version, version)
	}
	if r.ReadOnly {
		b.WriteString("this server is a standby: nothing that is read here is stored\n")
	}
	fmt.Fprintf(&b, "PostgreSQL %s; %d tables followed; outbox about %d rows, %d KiB", r.Connected, len(r.Followed), r.Outbox, r.Bytes/1024)
	if !r.Swept.IsZero() {
		fmt.Fprintf(&b, ", swept %s", r.Swept.UTC().Format(time.RFC3339))
	}
	if !r.Oldest.IsZero() {
		fmt.Fprintf(&b, ", its oldest row from before %s", r.Oldest.UTC().Format(time.RFC3339))
	}
	if r.Held.Name != "" {
		fmt.Fprintf(&b, "\nrows stay for as long as %s is open, since %s", r.Held.Name, r.Held.Since.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(&b, "\n%d nodes look at it", len(r.Nodes))
	for _, n := range r.Nodes {
		fmt.Fprintf(&b, "\n  %s %s", n.Addr, cmp.Or(n.Name, "(no application_name)"))
		if !n.Looked.IsZero() {
			fmt.Fprintf(&b, ", last at %s", n.Looked.UTC().Format(time.RFC3339Nano))
		}
	}
	fmt.Fprintf(&b, "\nwhat others do to the schema or to triggers is noticed %s\n", r.noticed())
	for _, t := range r.Coarse {
		fmt.Fprintf(&b, "coarse: %s has changed since setup: run it again\n", t)
	}
	for _, x := range r.Blind {
		fmt.Fprintf(&b, "not followed: %s (%s)\n", x.Name, x.Why)
	}
	return b.String()
}

// noticed says when what others do to the schema is noticed.
func (r *Report) noticed() string {
	if r.Told {
		return "with their transactions, by event triggers"
	}
	return "within a second or so"
}

// Status says what of a database is followed.
func Status(ctx context.Context, dsn string) (*Report, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("unstale/postgres: status: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	r := new(Report)
	if err := conn.QueryRow(ctx, `SELECT current_setting('server_version'), pg_is_in_recovery()`).Scan(&r.Connected, &r.ReadOnly); err != nil {
		return nil, fmt.Errorf("unstale/postgres: status: %w", err)
	}
	var missing *pgconn.PgError
	switch err := conn.QueryRow(ctx, `SELECT number FROM unstale.version`).Scan(&r.Version); {
	case errors.As(err, &missing) && (missing.Code == "42P01" || missing.Code == "3F000"): // undefined_table, invalid_schema_name
		return r, nil
	case err != nil:
		return nil, fmt.Errorf("unstale/postgres: status: %w", err)
	}
	r.Current = r.Version == version
	if err := conn.QueryRow(ctx, `SELECT greatest(c.reltuples, 0)::int8, pg_total_relation_size(c.oid) FROM pg_class c
		WHERE c.relname = 'outbox' AND c.relnamespace = 'unstale'::regnamespace`).Scan(&r.Outbox, &r.Bytes); err != nil {
		return nil, fmt.Errorf("unstale/postgres: status: %w", err)
	}
	var old bool
	if err := conn.QueryRow(ctx, `SELECT noted_at, EXISTS (SELECT FROM unstale.outbox WHERE xid < noted) FROM unstale.horizon`).Scan(&r.Swept, &old); err == nil && old { // not for every role to see
		r.Oldest = r.Swept
	}
	if err := r.activity(ctx, conn); err != nil {
		return nil, fmt.Errorf("unstale/postgres: status: %w", err)
	}
	c, err := load(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("unstale/postgres: status: %w", err)
	}
	told := c.report()
	r.Followed, r.Coarse, r.Blind, r.Told = told.Followed, told.Coarse, told.Blind, told.Told
	return r, nil
}

// activity finds the nodes, and what keeps rows from being swept.
func (r *Report) activity(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, `SELECT application_name, coalesce(host(client_addr) || ':' || client_port, 'local'), query_start FROM pg_stat_activity
		WHERE datname = current_database() AND application_name LIKE 'unstale look%' ORDER BY backend_start`)
	if err != nil {
		return err
	}
	var name, addr string
	var looked *time.Time
	if _, err := pgx.ForEachRow(rows, []any{&name, &addr, &looked}, func() error {
		n := Node{Name: strings.TrimPrefix(strings.TrimPrefix(name, lookName), " for "), Addr: addr}
		if looked != nil {
			n.Looked = *looked
		}
		r.Nodes = append(r.Nodes, n)
		return nil
	}); err != nil {
		return err
	}
	err = conn.QueryRow(ctx, `SELECT name, since FROM (
			SELECT concat_ws(' ', 'pid ' || pid, nullif(application_name, '')) AS name, xact_start AS since FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid()
			UNION ALL SELECT 'prepared ' || gid, prepared FROM pg_prepared_xacts) t
		WHERE since < clock_timestamp() - $1::interval ORDER BY since LIMIT 1`, retention).Scan(&r.Held.Name, &r.Held.Since)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}

// report says what of a catalogue is followed.
func (c *catalogue) report() *Report {
	r := &Report{Told: c.told}
	for _, t := range c.tables {
		switch {
		case t.why == "":
			r.Followed = append(r.Followed, t.Name)
			if !t.describes {
				r.Coarse = append(r.Coarse, t.Name)
			}
		case t.why != notSystem && t.kind != "v":
			r.Blind = append(r.Blind, Blind{t.Name, t.why})
		}
	}
	slices.Sort(r.Followed)
	slices.Sort(r.Coarse)
	slices.SortFunc(r.Blind, func(a, b Blind) int { return strings.Compare(a.Name, b.Name) })
	return r
}

// Claim implements adapter.Claimer.
func (db *database) Claim() adapter.Claim {
	c := adapter.Claim{
		Tier: "P",
		Text: "Every write, whoever makes it, shows in the very next read, and nobody is served an older state once a newer one was seen; what others do to the schema is noticed within a second or so",
	}
	known := db.catalogue.Load()
	if known == nil {
		return c
	}
	r := known.report()
	c.Followed, c.Coarse = r.Followed, r.Coarse
	for _, x := range r.Blind {
		c.Blind = append(c.Blind, x.Name+" ("+x.Why+")")
	}
	if r.Told {
		c.Text = strings.Replace(c.Text, "within a second or so", r.noticed(), 1)
	}
	return c
}
