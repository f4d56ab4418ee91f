package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

const userColumns = `id, username, email, hashed_password, is_active, is_admin, is_moderator, is_super_admin, created_at,
	failed_login_attempts, locked_until, last_failed_login, is_muted, muted_until, mute_reason, ban_reason,
	avatar_path, avatar_updated_at, password_version`

// scanUser reads the columns of a user, and those that follow them into more.
func scanUser(row scanner, more ...any) (notebook.User, error) {
	var u notebook.User
	var admin, moderator, super bool
	err := row.Scan(append([]any{&u.ID, &u.Username, &u.Email, &u.PasswordHash, &u.Active, &admin, &moderator, &super, timeColumn{&u.CreatedAt},
		&u.FailedLogins, optTimeColumn{&u.LockedUntil}, optTimeColumn{&u.LastFailedLogin}, &u.Muted, optTimeColumn{&u.MutedUntil}, &u.MuteReason, &u.BanReason,
		&u.AvatarPath, optTimeColumn{&u.AvatarUpdatedAt}, &u.PasswordVersion}, more...)...)
	switch {
	case super:
		u.Role = notebook.RoleSuperAdmin
	case admin:
		u.Role = notebook.RoleAdmin
	case moderator:
		u.Role = notebook.RoleModerator
	default:
		u.Role = notebook.RoleUser
	}
	return u, err
}

func oneUser(row *sql.Row) (*notebook.User, error) {
	u, err := scanUser(row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notebook.ErrUserNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("store: reading a user: %w", err)
	}
	return &u, nil
}

func userByID(ctx context.Context, q querier, id string) (*notebook.User, error) {
	return oneUser(q.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, id))
}

// User returns the user with this id, or notebook.ErrUserNotFound.
func (s *Store) User(ctx context.Context, id string) (*notebook.User, error) {
	return userByID(ctx, s.db, id)
}

// UserNamed returns the user with this name, however it is written (see
// notebook.NormalizeUsername), or notebook.ErrUserNotFound.
func (s *Store) UserNamed(ctx context.Context, username string) (*notebook.User, error) {
	u, err := userNamed(ctx, s.db, username)
	if errors.Is(err, notebook.ErrUserNotFound) {
		if kept, bad := notebook.NormalizeUsername(username); bad == nil && kept != username {
			return userNamed(ctx, s.db, kept)
		}
	}
	return u, err
}

func userNamed(ctx context.Context, q querier, username string) (*notebook.User, error) {
	return oneUser(q.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE username = $1`, username))
}

// CreateUser adds a user. It fails with what notebook.NewUser.Normalize finds
// wrong, notebook.ErrUsernameTaken or notebook.ErrEmailTaken.
func (s *Store) CreateUser(ctx context.Context, n notebook.NewUser, now time.Time) (*notebook.User, error) {
	if err := n.Normalize(); err != nil {
		return nil, err
	}
	u := &notebook.User{
		ID: newID(), Username: n.Username, Email: n.Email, PasswordHash: n.PasswordHash, Role: n.Role, Active: true, CreatedAt: now,
	}
	err := s.write(ctx, func(tx *sql.Tx) error { return insertUser(ctx, tx, u) })
	return u, err
}

// checkFree reports, as an error, which of name and address somebody has. A name
// that looks like somebody's is theirs, too.
func checkFree(ctx context.Context, q querier, u notebook.NewUser) error {
	var name, email bool
	err := q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users WHERE username = $1 OR username_key = $2), EXISTS (SELECT 1 FROM users WHERE email = $3)`,
		u.Username, notebook.NameKey(u.Username), u.Email).Scan(&name, &email)
	switch {
	case err != nil:
		return err
	case name:
		return notebook.ErrUsernameTaken
	case email:
		return notebook.ErrEmailTaken
	}
	return nil
}

func insertUser(ctx context.Context, tx *sql.Tx, u *notebook.User) error {
	if err := checkFree(ctx, tx, notebook.NewUser{Username: u.Username, Email: u.Email}); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO users (id, username, username_key, email, hashed_password, is_admin, is_moderator, is_super_admin, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		u.ID, u.Username, notebook.NameKey(u.Username), u.Email, u.PasswordHash, u.Role.Includes(notebook.RoleAdmin), u.Role.Includes(notebook.RoleModerator),
		u.Role.Includes(notebook.RoleSuperAdmin), micros(u.CreatedAt))
	return err
}

// EnsureSuperAdmin makes sure that a super admin of this name exists, and
// creates one with the password hash (see notebook.HashPassword) if nobody has
// the name; an existing super admin keeps his password. It fails with
// notebook.ErrUsernameTaken if the name belongs to somebody who is not one.
func (s *Store) EnsureSuperAdmin(ctx context.Context, username, passwordHash string) (created bool, err error) {
	n := notebook.NewUser{Username: username, PasswordHash: passwordHash, Role: notebook.RoleSuperAdmin}
	n.Email = newID() + "@nobody.invalid" // nobody can have it (RFC 2606), and it can be changed
	if err := n.Normalize(); err != nil {
		return false, err
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		u, err := userNamed(ctx, tx, n.Username)
		switch {
		case err == nil && u.Role == notebook.RoleSuperAdmin:
			return nil
		case err == nil:
			return notebook.ErrUsernameTaken
		case !errors.Is(err, notebook.ErrUserNotFound):
			return err
		}
		created = true
		return insertUser(ctx, tx, &notebook.User{
			ID: newID(), Username: n.Username, Email: n.Email, PasswordHash: n.PasswordHash, Role: n.Role,
			CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
		})
	})
	return created && err == nil, err
}

// LoginClient returns by what it is kept from where the user has logged in last, ""
// if they have not.
func (s *Store) LoginClient(ctx context.Context, id string) (client string, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT coalesce(login_client, '') FROM users WHERE id = $1`, id).Scan(&client)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return client, err
}

// RecordLogin notes whether a login with the right name succeeded.
func (s *Store) RecordLogin(ctx context.Context, id string, succeeded bool, now time.Time) error {
	// A client that hangs up must not escape the count.
	ctx = context.WithoutCancel(ctx)
	return s.write(ctx, func(tx *sql.Tx) error {
		u, err := userByID(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case !succeeded && u.Locked(now):
			return nil
		case !succeeded:
			u.FailLogin(now)
		case u.FailedLogins == 0 && u.LockedUntil == nil:
			return nil
		default:
			u.SucceedLogin(now)
		}
		return saveLogin(ctx, tx, u)
	})
}

// saveLogin writes what logins, and a password that is reset, change of a user.
func saveLogin(ctx context.Context, tx *sql.Tx, u *notebook.User) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET hashed_password = $1, password_version = $2, failed_login_attempts = $3, locked_until = $4,
		last_failed_login = $5, ban_reason = $6 WHERE id = $7`,
		u.PasswordHash, u.PasswordVersion, u.FailedLogins, optMicros(u.LockedUntil), optMicros(u.LastFailedLogin), u.BanReason, u.ID)
	return err
}

// SetPassword replaces the password of the user as the caller knows him, and
// makes every token of his invalid. It fails with notebook.ErrInvalidToken if
// the password was replaced, or the user removed, meanwhile.
func (s *Store) SetPassword(ctx context.Context, u *notebook.User, passwordHash string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := endSessions(ctx, tx, u.ID); err != nil {
			return fmt.Errorf("store: ending sessions: %w", err)
		}
		n, err := changeRows(ctx, tx, `UPDATE users SET hashed_password = $1, password_version = password_version + 1,
			failed_login_attempts = 0 WHERE id = $2 AND password_version = $3`, passwordHash, u.ID, u.PasswordVersion)
		switch {
		case err != nil:
			return fmt.Errorf("store: replacing a password: %w", err)
		case n == 0:
			return notebook.ErrInvalidToken
		}
		return nil
	})
}

// keyNames gives the users a key of their names who came before there was one. Who
// is named like somebody before them has none, and keeps their name.
func (s *Store) keyNames(ctx context.Context) error {
	ctx = unstale.Outside(ctx)
	type named struct{ id, name string }
	list, err := collect(ctx, s.db, func(row scanner) (n named, err error) {
		err = row.Scan(&n.id, &n.name)
		return n, err
	}, `SELECT id, username FROM users WHERE username_key IS NULL ORDER BY created_at, id`)
	if err != nil {
		return fmt.Errorf("store: listing names: %w", err)
	}
	if len(list) == 0 {
		return nil
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, n := range list {
			key := notebook.NameKey(n.name)
			_, err := tx.ExecContext(ctx, `UPDATE users SET username_key = $1 WHERE id = $2 AND NOT EXISTS (SELECT 1 FROM users WHERE username_key = $3)`, key, n.id, key)
			if err != nil {
				return fmt.Errorf("store: keying names: %w", err)
			}
		}
		return nil
	})
}
