-- What keeps those out who mean harm.
-- +goose Up
-- +goose StatementBegin
-- What names that look alike have in common. Null for a user whose name looked like
-- another's before anybody minded.
ALTER TABLE users ADD COLUMN username_key TEXT COLLATE "C" UNIQUE;
-- From where the user has logged in last: a keyed hash, no address.
ALTER TABLE users ADD COLUMN login_client TEXT;

-- What was approved may have other words since, and who approved it.
ALTER TABLE persona_cards ADD COLUMN changed_since_review BOOLEAN NOT NULL DEFAULT FALSE, ADD COLUMN reviewed_by TEXT;
ALTER TABLE knowledge_bases ADD COLUMN changed_since_review BOOLEAN NOT NULL DEFAULT FALSE, ADD COLUMN reviewed_by TEXT;

-- A login and the tokens that came of it, which are good while it is there.
CREATE TABLE sessions (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id    TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL DEFAULT 0, -- of the refresh token that is good
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id, created_at, id);
CREATE INDEX sessions_expires ON sessions (expires_at);

-- Whose reactions the author of a comment has been told of.
CREATE TABLE reaction_notices (
    user_id    TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    comment_id TEXT COLLATE "C" NOT NULL REFERENCES comments (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, comment_id)
);
CREATE INDEX reaction_notices_comment ON reaction_notices (comment_id);

-- Who has downloaded what in which hour: a keyed hash of all three, which tells
-- nothing of any. Null for what was counted before.
ALTER TABLE download_records ADD COLUMN client TEXT COLLATE "C" UNIQUE;

-- To which box a code went, whatever stands behind a plus, and who asked for it.
ALTER TABLE email_verifications ADD COLUMN mailbox TEXT COLLATE "C" NOT NULL DEFAULT '', ADD COLUMN client TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX email_verifications_mailbox ON email_verifications (mailbox, created_at, id);
-- +goose StatementEnd

-- +goose Down
ALTER TABLE email_verifications DROP COLUMN client, DROP COLUMN mailbox;
ALTER TABLE download_records DROP COLUMN client;
DROP TABLE reaction_notices, sessions;
ALTER TABLE knowledge_bases DROP COLUMN reviewed_by, DROP COLUMN changed_since_review;
ALTER TABLE persona_cards DROP COLUMN reviewed_by, DROP COLUMN changed_since_review;
ALTER TABLE users DROP COLUMN login_client, DROP COLUMN username_key;
