package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/unstale/unstale/notebook"
)

// ManageUser lets change alter a user in the name of the manager, and sends the
// user the notice that it returns, in one transaction. It fails with
// notebook.ErrUserNotFound, with what notebook.User.MayManage says, or with the
// error of change; then everything is as it was.
func (s *Store) ManageUser(ctx context.Context, managerID, userID string, now time.Time, change func(by, u *notebook.User) (notebook.Notice, error)) (*notebook.User, error) {
	var user *notebook.User
	err := s.write(ctx, func(tx *sql.Tx) error {
		by, u, err := managed(ctx, tx, managerID, userID, now)
		if err != nil {
			return err
		}
		notice, err := change(by, u)
		if err != nil {
			return err
		}
		user = u
		if u.Banned(now) { // or their tokens would be good again once the ban is over
			if err := endSessions(ctx, tx, u.ID); err != nil {
				return err
			}
		}
		if err := saveManaged(ctx, tx, u); err != nil || notice == (notebook.Notice{}) {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO messages (id, recipient_id, sender_id, title, content, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			newID(), u.ID, by.ID, notice.Title, notice.Content, micros(now))
		return err
	})
	return user, err
}

// managed returns the manager and the user if the one may manage the other at
// this moment. Whoever manages is an admin himself and not the one who is
// managed: so the last admin stays, even if two of them remove each other.
func managed(ctx context.Context, tx *sql.Tx, managerID, userID string, now time.Time) (by, u *notebook.User, err error) {
	by, err = userByID(ctx, tx, managerID)
	if errors.Is(err, notebook.ErrUserNotFound) || err == nil && (!by.Active || by.Banned(now)) {
		return nil, nil, notebook.ErrInvalidToken
	}
	if err != nil {
		return nil, nil, err
	}
	if u, err = userByID(ctx, tx, userID); err != nil {
		return nil, nil, err
	}
	return by, u, by.MayManage(u)
}

// saveManaged writes what an admin can change of a user.
func saveManaged(ctx context.Context, tx *sql.Tx, u *notebook.User) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET is_admin = $1, is_moderator = $2, is_super_admin = $3, is_muted = $4, muted_until = $5,
		mute_reason = $6, ban_reason = $7, locked_until = $8, failed_login_attempts = $9 WHERE id = $10`,
		u.Role.Includes(notebook.RoleAdmin), u.Role.Includes(notebook.RoleModerator), u.Role.Includes(notebook.RoleSuperAdmin),
		u.Muted, optMicros(u.MutedUntil), u.MuteReason, u.BanReason, optMicros(u.LockedUntil), u.FailedLogins, u.ID)
	return err
}

// DeleteUser removes a user in the name of the manager, and with him all that is
// his. It returns the hashes of the files that it referred to. It fails as
// ManageUser does.
func (s *Store) DeleteUser(ctx context.Context, managerID, userID string, now time.Time) (hashes []string, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if _, _, err := managed(ctx, tx, managerID, userID, now); err != nil {
			return err
		}
		if hashes, err = filesOfUser(ctx, tx, userID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM users WHERE id = $1`, userID)
		return err
	})
	return hashes, err
}

// filesOfUser returns the hashes of all files that are there because of a user.
func filesOfUser(ctx context.Context, tx *sql.Tx, userID string) (hashes []string, err error) {
	if hashes, err = avatarFiles(ctx, tx, userID); err != nil {
		return nil, err
	}
	for _, query := range []string{
		`SELECT file_path FROM persona_card_files WHERE persona_card_id IN (SELECT id FROM persona_cards WHERE uploader_id = $1)`,
		`SELECT file_path FROM knowledge_base_files WHERE knowledge_base_id IN (SELECT id FROM knowledge_bases WHERE uploader_id = $1)`,
	} {
		list, err := collect(ctx, tx, scanString, query, userID)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, list...)
	}
	return hashes, nil
}

// Users returns the page of users that the filter describes, newest first, and
// how many there are on all pages.
func (s *Store) Users(ctx context.Context, f notebook.UserFilter) (users []notebook.ListedUser, total int, err error) {
	only := userConditions(f)
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM users`+only.where(), only.args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("store: counting users: %w", err)
	}
	limit, args := only.page(f.Page)
	users, err = collect(ctx, s.db, scanListedUser, `SELECT `+userColumns+`,
		(SELECT count(*) FROM knowledge_bases k WHERE k.uploader_id = users.id),
		(SELECT count(*) FROM persona_cards p WHERE p.uploader_id = users.id),
		(SELECT max(r.created_at) FROM upload_records r WHERE r.uploader_id = users.id) FROM users`+only.where()+
		` ORDER BY created_at DESC, id DESC`+limit, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("store: listing users: %w", err)
	}
	return users, total, nil
}

func scanListedUser(row scanner) (u notebook.ListedUser, err error) {
	u.User, err = scanUser(row, &u.Knowledge, &u.Personas, optTimeColumn{&u.LastUpload})
	return u, err
}

func userConditions(f notebook.UserFilter) (c conditions) {
	switch f.Role {
	case notebook.RoleSuperAdmin:
		c.add(`is_super_admin = TRUE`)
	case notebook.RoleAdmin:
		c.add(`is_super_admin = FALSE AND is_admin = TRUE`)
	case notebook.RoleModerator:
		c.add(`is_super_admin = FALSE AND is_admin = FALSE AND is_moderator = TRUE`)
	case notebook.RoleUser:
		c.add(`is_super_admin = FALSE AND is_admin = FALSE AND is_moderator = FALSE`)
	default:
		if f.Manageable {
			c.add(`is_super_admin = FALSE`)
		}
	}
	if f.Search != "" {
		pattern := containing(f.Search)
		c.add(`(lower(username) LIKE ? ESCAPE '\' OR lower(email) LIKE ? ESCAPE '\')`, pattern, pattern)
	}
	return c
}

// Counts returns how much of everything there is.
func (s *Store) Counts(ctx context.Context) (c notebook.Counts, err error) {
	for _, count := range []struct {
		into  *int
		query string
	}{
		{&c.Users, `SELECT count(*) FROM users`},
		{&c.Knowledge, `SELECT count(*) FROM knowledge_bases`},
		{&c.PendingKnowledge, `SELECT count(*) FROM knowledge_bases WHERE is_pending = TRUE`},
		{&c.Personas, `SELECT count(*) FROM persona_cards`},
		{&c.PendingPersonas, `SELECT count(*) FROM persona_cards WHERE is_pending = TRUE`},
	} {
		if err := s.db.QueryRowContext(ctx, count.query).Scan(count.into); err != nil {
			return notebook.Counts{}, fmt.Errorf("store: counting: %w", err)
		}
	}
	return c, nil
}
