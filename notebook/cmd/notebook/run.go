package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/crypto/bcrypt"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/metrics"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/api"
	"github.com/unstale/unstale/notebook/files"
	"github.com/unstale/unstale/notebook/mail"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
	"github.com/unstale/unstale/notebook/site"
	"github.com/unstale/unstale/notebook/store"
)

// checkLimit bounds the search for damage in the database before the start.
const checkLimit = time.Second

// Run serves the notebook as args and env (in the form of os.Environ) say, and
// returns after ctx has ended and the requests under way have been answered.
// Where it listens and what it promises goes to stdout, the log to stderr.
func Run(ctx context.Context, args, env []string, stdout, stderr io.Writer) (err error) {
	s, err := parse(args, env, stdout)
	if s == nil || err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s, choose another address with --addr: %w", s.Addr, err)
	}
	defer func() { _ = listener.Close() }() // the server closes it before; this is for a failed start
	var apart net.Listener
	if s.AdminAddr != "" {
		if apart, err = new(net.ListenConfig).Listen(ctx, "tcp", s.AdminAddr); err != nil {
			return fmt.Errorf("cannot listen on %s, choose another address with --admin-addr: %w", s.AdminAddr, err)
		}
		defer func() { _ = apart.Close() }()
	}
	data, err := openDataDir(s.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	v, err := open(ctx, s, data, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	fill, err := v.people(ctx, s)
	if err != nil {
		return err
	}
	running := servers{start(server.Bounded(listener, s.proxies), v.handler)}
	if apart != nil {
		running = append(running, start(server.Bounded(apart, s.proxies), v.handler.Admin))
	}
	if fill {
		if err := v.fillDemo(ctx); err != nil {
			return errors.Join(fmt.Errorf("cannot fill the demo: %w", err), running.stop(ctx))
		}
	}
	announce(stdout, s, listener.Addr(), apart, data, v.store.Followed() == nil)
	if s.DemoTraffic {
		defer visit(ctx, "http://"+reachable(listener.Addr()))()
	}
	return running.wait(ctx)
}

// Opened is the notebook ready to serve, with what it holds open.
type opened struct {
	cost    int // of password hashes, for bcrypt
	handler *server.Server
	store   *store.Store
	files   *files.Store
	cache   *unstale.Cache
	outbox  *mail.Outbox
}

func open(ctx context.Context, s *settings, data *dataDir, logger *slog.Logger) (_ *opened, err error) {
	path := ""
	if s.Database == "" {
		if path, err = data.database(); err != nil {
			return nil, err
		}
	}
	secret, fresh, err := data.secret()
	if err != nil {
		return nil, err
	}
	v := &opened{cost: bcrypt.DefaultCost}
	if data.temporary {
		v.cost = bcrypt.MinCost // there is nothing in it to protect, and a demo should start at once
	}
	defer func() {
		if err != nil {
			_ = v.Close() // err says what matters
		}
	}()
	sharing, err := s.sharing(secret)
	if err != nil {
		return nil, err
	}
	if v.cache, err = unstale.New(unstale.Options{Prefix: server.Prefix, Off: s.Cache == "off", Logger: logger, Sharing: sharing}); err != nil {
		return nil, err
	}
	if s.Database == "" {
		err = v.openSQLite(ctx, path)
	} else {
		err = v.openPostgres(ctx, s, data, logger)
	}
	if err != nil {
		return nil, err
	}
	if fresh {
		if err := data.keepSecret(secret); err != nil {
			return nil, err
		}
	}
	v.files, err = files.Open(ctx, data.file("files"), v.store.FileReferenced)
	if err != nil {
		return nil, fmt.Errorf("cannot open the uploaded files: %w", err)
	}
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		metrics.NewCollector(v.cache), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	config := service.Config{
		Store: v.store, Files: v.files, Cache: v.cache, Secret: secret, Dictionary: s.dictionary(data), Moderator: s.moderator,
		Logger: logger, PasswordCost: v.cost,
	}
	if v.outbox = s.outbox(logger); v.outbox != nil {
		config.Mailer = v.outbox
	}
	do, err := service.New(config)
	if err != nil {
		return nil, err
	}
	v.handler, err = server.New(server.Config{
		Service: do, Cache: v.cache, Proxies: s.proxies, Origins: s.origins, HTTPS: s.HTTPS, AdminApart: s.AdminAddr != "", Logger: logger,
	}, api.Routes(registry, version()), site.Routes)
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (v *opened) openSQLite(ctx context.Context, path string) (err error) {
	if v.store, err = store.Open(ctx, path, v.cache); err != nil {
		return fmt.Errorf("cannot open the database %s: %w", path, err)
	}
	if err := v.check(ctx); err != nil {
		return fmt.Errorf("cannot use the database %s: %w", path, err)
	}
	return nil
}

func (v *opened) openPostgres(ctx context.Context, s *settings, data *dataDir, logger *slog.Logger) (err error) {
	if v.store, err = store.OpenPostgres(ctx, s.Database, v.cache); err != nil {
		return fmt.Errorf("cannot open the database %s: %w", s.database, err)
	}
	id, err := v.store.ID(unstale.Outside(ctx))
	if err == nil {
		err = data.belongTo(id)
	}
	if err != nil {
		return fmt.Errorf("cannot use the database %s: %w", s.database, err)
	}
	if err := v.store.Followed(); err != nil {
		logger.WarnContext(ctx, "the database does not tell of its changes, and so nothing is cached; the owner of its tables can set that up: unstale postgres setup -run -grant ROLE DSN",
			slog.String("database", s.database), slog.Any("error", err))
	}
	return nil
}

// Close closes what the notebook holds. The connections go first, which read the
// database; then the database, which tells the cache that nobody watches it any
// more.
func (v *opened) Close() error {
	var err error
	if v.handler != nil {
		v.handler.Close()
	}
	if v.outbox != nil {
		err = v.outbox.Close()
	}
	if v.store != nil {
		err = errors.Join(err, v.store.Close())
	}
	if v.cache != nil {
		err = errors.Join(err, v.cache.Close())
	}
	return err
}

// check looks for damage for as long as checkLimit allows. It is better found
// now than by the request that meets it.
func (v *opened) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(unstale.Outside(ctx), checkLimit)
	defer cancel()
	var verdict string
	err := v.store.DB().QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	switch {
	case ctx.Err() != nil:
		return nil // a large database, and no damage so far
	case err != nil:
		return err
	case verdict != "ok":
		return damaged(verdict)
	}
	return nil
}

// damaged is what quick_check found.
type damaged string

func (d damaged) Error() string { return string(d) }

// Code is SQLite's own code for damage.
func (damaged) Code() int { return sqliteCorrupt }

// people creates the super admins that the settings ask for, and reports
// whether the demo has still to be filled.
func (v *opened) people(ctx context.Context, s *settings) (fill bool, err error) {
	if s.Demo {
		if err := v.checkDemo(ctx); err != nil {
			return false, err
		}
	}
	if s.SuperAdmin != "" {
		if _, err := v.superAdmin(ctx, s.SuperAdmin, s.password); err != nil {
			return false, err
		}
	}
	if s.Demo {
		return v.superAdmin(ctx, demoAdmin, demoPassword)
	}
	return false, nil
}

// checkDemo returns nil if the demo may be filled, or is there already: its
// password is public, and its admin may do everything with what others keep.
func (v *opened) checkDemo(ctx context.Context) error {
	ctx = unstale.Outside(ctx)
	_, err := v.store.UserNamed(ctx, demoAdmin)
	if !errors.Is(err, notebook.ErrUserNotFound) {
		return err
	}
	there, err := v.store.Counts(ctx)
	if err == nil && there.Users > 0 {
		err = errors.New("--demo would give a super admin with a public password to a notebook that people use; choose another directory with --data")
	}
	return err
}

func (v *opened) superAdmin(ctx context.Context, name, password string) (created bool, err error) {
	hash, err := notebook.HashPassword(password, v.cost)
	if err == nil {
		created, err = v.store.EnsureSuperAdmin(unstale.Outside(ctx), name, hash)
	}
	if errors.Is(err, notebook.ErrUsernameTaken) {
		return false, fmt.Errorf("%q is the name of a user who is no super admin, choose another with --super-admin", name)
	}
	if err != nil {
		return false, fmt.Errorf("cannot create the super admin %q: %w", name, err)
	}
	return created, nil
}

func (v *opened) fillDemo(ctx context.Context) error {
	hash, err := notebook.HashPassword(demoPassword, v.cost)
	if err != nil {
		return err
	}
	return fillDemo(ctx, v.store, v.files, hash)
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "dev"
}
