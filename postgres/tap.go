package postgres

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"net"
	"strings"
	"sync"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqltrack"
)

// A tap stands on a connection below pgx and above TLS. It sees the texts and
// parameters that the server gets, in the order in which it gets them, each row, and
// when a transaction ends. Whatever is written is looked at before the server has it,
// and whatever is read before the program has it.
//
// pgx may read while it writes, in another goroutine, so one lock is held around
// either's messages.
type tap struct {
	net.Conn
	db *database

	mu sync.Mutex
	*sqltrack.Session
	from, to framing         // what the server says, and what it is told
	ctx      context.Context // of what the tracer says is being sent; nil: nobody says
	ours     bool            // a statement of ours is

	reading    bool // something was sent since the server was idle, which may have its snapshot
	status     byte // of the transaction, as the server said last: I, T or E
	queue      []*expected
	values     [][]byte          // of the last row
	statements map[string]string // texts by name
	portals    map[string]portal
	describes  bool // some statement changed the schema in the open transaction
	end        func(error)

	ready    bool   // it is as after AfterConnect
	settings string // by which texts mean what they do
	identity string // of the database, as it was seen on this connection; "" if it was not
	reason   string // why nothing that is read here is stored, for good, or ""
	standby  bool
	released bool     // it is said when the connection goes back to its pool
	doubts   []string // texts that may have changed the session
	blocked  bool     // of a text in the open transaction nobody could tell, perhaps for its locks
}

// A portal is a statement with its parameters.
type portal struct {
	text       string
	known      bool
	parameters []*parameter
	formats    []int // of results: none for text, one for all columns
}

// Expected is what the server will answer next.
type expected struct {
	kind byte // of the message that asked
	text string
	call *sqltrack.Call
	ctl  control
	know *known

	judged  bool  // what it did to the session
	formats []int // as of its portal
	rows    int
}

func newTap(db *database, c net.Conn) *tap {
	t := &tap{Conn: c, db: db, status: 'I', statements: make(map[string]string), portals: make(map[string]portal)}
	t.Session = db.NewSession(t)
	t.to = framing{untyped: true, most: func(kind byte) int {
		switch kind {
		case 'Q', 'P', 'B', 'E', 'C':
			return maxBody
		}
		return 0
	}}
	t.from = framing{most: func(kind byte) int {
		switch kind {
		case 'C', 'Z', 'S', 'E':
			return 4096
		case 'D':
			if x := t.running(); x != nil && x.call != nil && x.call.Follows() {
				return maxBody
			}
		}
		return 0
	}}
	t.queue = []*expected{{kind: 'S'}} // the server is ready when the connection is made
	return t
}

// Write implements net.Conn.
func (t *tap) Write(b []byte) (int, error) {
	t.mu.Lock()
	if !t.to.read(b, t.told) {
		t.lose()
	}
	t.reading = t.reading || len(t.queue) > 0
	t.mu.Unlock()
	return t.Conn.Write(b)
}

// Read implements net.Conn.
func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if n > 0 {
		t.mu.Lock()
		if !t.from.read(b[:n], t.said) {
			t.lose()
		}
		t.mu.Unlock()
	}
	return n, err
}

// Close implements net.Conn.
func (t *tap) Close() error {
	t.mu.Lock()
	t.drop(len(t.queue))
	t.status, t.reason = 'I', reasonClosed
	t.GiveBack()
	t.After(false) // what was open is rolled back, or committed: who looks will see
	t.over(driver.ErrBadConn)
	t.mu.Unlock()
	return t.Conn.Close()
}

// lose says that nobody knows any more what belongs to what.
func (t *tap) lose() {
	if t.reason == "" {
		t.reason = reasonLost
	}
	t.drop(len(t.queue))
	t.queue = nil
}

// drop ends calls of which no more is heard: they have failed.
func (t *tap) drop(n int) {
	for _, x := range t.queue[:n] {
		if x.call != nil {
			x.call.Fail()
			x.call.Leave()
			x.call = nil
		}
	}
	t.queue = t.queue[n:]
}

// told follows a message to the server.
func (t *tap) told(kind byte, body []byte, whole bool) {
	m := message{rest: body, ok: true}
	switch kind {
	case 'Q':
		text := m.text()
		t.expect(kind, portal{text: text, known: whole && m.ok})
	case 'P':
		name, sql, types := m.parse()
		if whole && m.ok {
			t.statements[name] = withTypes(strings.Clone(sql), types)
		} else {
			delete(t.statements, name)
		}
		t.queue = append(t.queue, &expected{kind: kind})
	case 'B':
		name, statement, parameters, formats := m.bind()
		text, known := t.statements[statement]
		t.portals[name] = portal{text: text, known: known && m.ok, parameters: parameters, formats: formats}
		t.queue = append(t.queue, &expected{kind: kind})
	case 'E':
		name := m.text()
		p := t.portals[name]
		p.known = p.known && m.ok && m.int32() == 0 // all rows
		t.expect(kind, p)
	case 'C':
		if m.byte() == 'S' {
			delete(t.statements, m.text())
		} else {
			delete(t.portals, m.text())
		}
		t.queue = append(t.queue, &expected{kind: kind})
	case 'S':
		t.queue = append(t.queue, &expected{kind: kind})
	case 'F':
		t.reason = reasonLost // a function by its oid
		t.queue = append(t.queue, &expected{kind: 'Q'})
	}
}

// expect enters a statement that is about to run.
func (t *tap) expect(kind byte, p portal) {
	x := &expected{kind: kind, text: p.text, ctl: controlOf(p.text), formats: p.formats}
	t.queue = append(t.queue, x)
	if t.ours || !t.ready {
		return
	}
	ctx := t.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	if x.ctl == controlBegin && t.end == nil {
		t.end = t.Begin(ctx)
	}
	if x.ctl != controlNone {
		x.call = t.Enter(ctx, sqltrack.Statement{SQL: p.text, Control: true})
		return
	}
	x.know = unknown
	if p.known {
		x.know = t.know(p.text)
	}
	args := make([]driver.NamedValue, len(p.parameters))
	for i, v := range p.parameters {
		if i < len(x.know.parameters) {
			v.typ = x.know.parameters[i]
		}
		args[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	x.call = t.Enter(ctx, sqltrack.Statement{SQL: p.text, Args: args, Rows: true, Writes: !x.know.reads})
}

// said follows a message from the server.
func (t *tap) said(kind byte, body []byte, _ bool) {
	switch kind {
	case '1', '2', '3':
		t.pop(kind)
	case 'D':
		if x := t.running(); x != nil && x.call != nil {
			x.rows++
			t.row(x, body)
		}
	case 'C':
		t.completed(string(body))
	case 'I':
		t.completed("")
	case 's':
		if x := t.running(); x != nil && x.call != nil {
			x.call.Fail()
			x.call.Leave()
			x.call = nil
		}
		t.pop('s')
	case 'E':
		t.failed()
	case 'S':
		m := message{rest: body, ok: true}
		switch name, value := m.text(), m.text(); name {
		case "in_hot_standby":
			t.standby = value == "on"
		case "client_encoding", "DateStyle", "IntervalStyle", "TimeZone", "search_path", "session_authorization", "standard_conforming_strings":
			if t.ready {
				t.alter()
			}
		}
	case 'Z':
		t.pop(kind)
		if len(body) == 1 {
			t.status = body[0]
		}
		t.idle()
	}
}

// row follows a row of a statement.
func (t *tap) row(x *expected, body []byte) {
	if !x.call.Follows() {
		x.call.Row(0, nil)
		return
	}
	m := message{rest: body, ok: true}
	t.values = m.row(t.values)
	columns := 0
	if len(body) >= 2 {
		columns = int(binary.BigEndian.Uint16(body))
	}
	x.call.Row(columns, func(c int) shape.Value {
		if c >= len(t.values) || c >= len(x.know.results) {
			return shape.Value{}
		}
		p := parameter{typ: x.know.results[c], row: true, bytes: t.values[c]}
		switch {
		case len(x.formats) == 1:
			p.binary = x.formats[0] == 1
		case c < len(x.formats):
			p.binary = x.formats[c] == 1
		}
		return p.value()
	})
}

// running returns the statement of which rows come.
func (t *tap) running() *expected {
	if len(t.queue) > 0 && (t.queue[0].kind == 'E' || t.queue[0].kind == 'Q') {
		return t.queue[0]
	}
	return nil
}

// answers says which message of a client the first messages of answers belong to.
var answers = map[byte]byte{'1': 'P', '2': 'B', '3': 'C', 's': 'E', 'C': 'E', 'I': 'E'}

// pop takes what was expected from the queue.
func (t *tap) pop(kind byte) {
	if len(t.queue) == 0 {
		if t.reason == "" {
			t.lose()
		}
		return
	}
	front := t.queue[0]
	if kind == 'Z' {
		if front.kind != 'S' && front.kind != 'Q' {
			t.lose()
			return
		}
	} else if front.kind != answers[kind] {
		t.lose()
		return
	}
	t.drop(1)
}

// completed follows a statement that ended, with its tag.
func (t *tap) completed(tag string) {
	x := t.running()
	if x == nil {
		t.lose()
		return
	}
	if x.call != nil {
		if x.call.Weighed() {
			x.call.Took(statementWork + x.rows)
		}
		x.call.End()
		x.call.Leave()
		x.call = nil
	}
	if !t.ours && t.ready {
		t.effect(x, strings.TrimRight(tag, "\x00"))
	}
	if x.kind == 'E' {
		t.drop(1)
	}
}

// failed follows an error: the server answers nothing more until it is in step again.
func (t *tap) failed() {
	n := 0
	for n < len(t.queue) && t.queue[n].kind != 'S' && t.queue[n].kind != 'Q' {
		n++
	}
	t.drop(n)
	if x := t.running(); x != nil && x.call != nil {
		x.call.Fail()
		x.call.Leave()
		x.call = nil
	}
}

// idle follows the end of a statement or of several: whether a transaction is open.
func (t *tap) idle() {
	if len(t.queue) > 0 {
		return // more has been sent
	}
	t.After(t.status != 'I')
	t.reading = t.status != 'I'
	t.blocked = t.blocked && t.reading
	if t.status != 'I' {
		return
	}
	if t.describes {
		t.describes = false
		t.db.lose("schema changed")
	}
	t.over(nil)
	clear(t.portals)
	if !t.released {
		t.GiveBack() // as database/sql does, unless the program holds a *sql.Conn
	}
}

// over ends the transaction.
func (t *tap) over(err error) {
	if t.end != nil {
		t.end(err)
		t.end = nil
	}
}

// Reading implements sqltrack.Conn: what is about to be sent has a snapshot of its own
// only if nothing was sent since the server was idle.
func (t *tap) Reading() bool { return t.reading }

// InTransaction implements sqltrack.Conn.
func (t *tap) InTransaction() bool { return t.status != 'I' || t.end != nil }

// Changed implements sqltrack.Conn: every statement that may write is entered so.
func (t *tap) Changed() bool { return false }

// Probe implements sqltrack.Conn.
func (t *tap) Probe(ctx context.Context, sql string, args []driver.NamedValue, limit, work int) ([][]shape.Value, int, bool) {
	if t.blocked {
		return nil, 0, false
	}
	return t.db.prober.run(ctx, sql, args, limit, work)
}
