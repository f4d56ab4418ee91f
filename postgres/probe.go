package postgres

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/shape"
)

// A prober is a connection of our own for probes: see shape.Probe. It is there from the
// first one on.
type prober struct {
	config *pgx.ConnConfig
	after  func(context.Context, *pgx.Conn) error // the program's own AfterConnect, or nil

	mu     sync.Mutex
	conn   *pgx.Conn
	closed bool
}

// probeWithin bounds a probe: a statement waits for it.
const probeWithin = "100ms"

func newProber(c *pgx.ConnConfig, after func(context.Context, *pgx.Conn) error) *prober {
	return &prober{after: after, config: ownConfig(c, "probe", map[string]string{"statement_timeout": probeWithin, "lock_timeout": probeWithin, "default_transaction_read_only": "on"})}
}

// Work is counted in rows, since how long something takes says what else the machine
// does: a statement is so many rows by itself.
const statementWork = 20

// run is a shape.Prober.
func (p *prober) run(ctx context.Context, sql string, args []driver.NamedValue, limit, work int) (rows [][]shape.Value, took int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || work < statementWork {
		return nil, 0, false
	}
	ctx, cancel := context.WithTimeout(unstale.Outside(ctx), callWithin)
	defer cancel()
	if err := p.connect(ctx); err != nil {
		return nil, 0, false
	}
	rows, err := p.query(ctx, fmt.Sprintf("%s LIMIT %d", sql, limit+1), args)
	if err != nil {
		p.end() // what was prepared may be of another schema
		return nil, work, false
	}
	return rows, statementWork + len(rows), true
}

func (p *prober) connect(ctx context.Context) error {
	if p.conn != nil && !p.conn.IsClosed() {
		return nil
	}
	conn, err := pgx.ConnectConfig(ctx, p.config)
	if err != nil {
		return err
	}
	if p.after != nil {
		err = p.after(ctx, conn)
	}
	if err == nil {
		_, err = conn.Exec(ctx, plainly)
	}
	if err != nil {
		_ = conn.Close(ctx)
		return err
	}
	p.conn = conn
	return nil
}

// plainly has names mean what they do in statements of ours: those of tables are whole,
// and others, such as operators, the system's.
const plainly = "SET search_path = pg_catalog, pg_temp; SET TimeZone = 'UTC'; SET DateStyle = ISO"

func (p *prober) query(ctx context.Context, sql string, args []driver.NamedValue) (rows [][]shape.Value, err error) {
	d, err := p.conn.Prepare(ctx, sql, sql)
	if err != nil {
		return nil, err
	}
	values, formats := make([][]byte, len(args)), make([]int16, len(d.Fields))
	for i := range args {
		if values[i], err = written(d.ParamOIDs[i], args[i].Value); err != nil {
			return nil, err
		}
	}
	for i := range formats {
		formats[i] = pgx.BinaryFormatCode
	}
	result := p.conn.PgConn().ExecPrepared(ctx, d.Name, values, nil, formats)
	for result.NextRow() {
		row := make([]shape.Value, len(d.Fields))
		for i, b := range result.Values() {
			v := parameter{typ: d.Fields[i].DataTypeOID, binary: true, row: true, bytes: b}
			row[i] = v.value()
		}
		rows = append(rows, row)
	}
	_, err = result.Close()
	return rows, err
}

func (p *prober) end() {
	if p.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), callWithin)
		defer cancel()
		_ = p.conn.Close(ctx)
		p.conn = nil
	}
}

func (p *prober) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.end()
}

// written returns a value in canonical form as the server reads it for a type.
func written(typ uint32, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []driver.Value:
		of := elements[typ]
		if of == 0 {
			return nil, fmt.Errorf("no array: %d", typ)
		}
		var list []string
		for _, e := range v {
			text, err := written(of, e)
			if err != nil {
				return nil, err
			}
			list = append(list, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(text))+`"`)
		}
		return []byte("{" + strings.Join(list, ",") + "}"), nil
	case int64:
		return []byte(writtenInt(typ, v)), nil
	case float64:
		return []byte(strconv.FormatFloat(v, 'g', -1, 64)), nil
	case string:
		if typ == pgBytea {
			v = `\x` + v
		}
		return []byte(v), nil
	}
	return nil, fmt.Errorf("no value: %T", v)
}

func writtenInt(typ uint32, n int64) string {
	switch typ {
	case pgBool:
		return strconv.FormatBool(n != 0)
	case pgDate, pgTimestamp, pgTimestamptz:
		switch n {
		case math.MaxInt64:
			return "infinity"
		case math.MinInt64:
			return "-infinity"
		}
		if typ == pgDate {
			n *= 86400 * 1_000_000
		}
		t := time.UnixMicro(epoch.UnixMicro() + n).UTC()
		if t.Year() < 1 || t.Year() > 9999 {
			return "unknown" // which is no time
		}
		return map[uint32]string{pgDate: t.Format("2006-01-02"), pgTimestamp: t.Format("2006-01-02 15:04:05.999999"), pgTimestamptz: t.Format("2006-01-02 15:04:05.999999Z07:00")}[typ]
	}
	return strconv.FormatInt(n, 10)
}
