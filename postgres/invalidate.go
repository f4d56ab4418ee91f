package postgres

import (
	"context"
	"fmt"

	"github.com/unstale/unstale"
)

// Invalidate makes what the targets name invalid on every node whose cache follows the
// database, if and only if the transaction is committed in which exec runs a statement,
// and then before anybody who saw the commit is answered from a cache. exec is the method
// of a transaction, of a connection or of a pool:
//
//	postgres.Invalidate(ctx, tx.Exec, unstale.Tag("menu"))                             // pgx.Tx, *pgxpool.Pool
//	postgres.Invalidate(ctx, tx.ExecContext, unstale.Key("http:GET shop.example /"))   // *sql.Tx, *sql.DB, sqlx, bun
//	postgres.Invalidate(ctx, tx.Statement.ConnPool.ExecContext, unstale.Tag("menu"))   // *gorm.DB
//
// It is for what no table holds: changes of tables need no call. Cache.Invalidate does the
// same at once and on its own node alone.
//
// Malformed targets, none, and more than unstale.MaxTargets or of unstale.MaxTargetsBytes
// are an error, and nothing is sent. Otherwise the error is the statement's: of a role that
// may not, of a database that is not set up. The role needs USAGE of schema unstale and
// EXECUTE of unstale.invalidate, which SetupOptions.Grant gives; it need not be one that may
// look.
func Invalidate[R any](ctx context.Context, exec func(ctx context.Context, sql string, args ...any) (R, error), targets ...unstale.Target) error {
	text, err := unstale.MarshalTargets(targets...)
	if err != nil {
		return err
	}
	if _, err := exec(ctx, "SELECT unstale.invalidate($1)", string(text)); err != nil {
		return fmt.Errorf("unstale/postgres: invalidate: %w", explain(err))
	}
	return nil
}
