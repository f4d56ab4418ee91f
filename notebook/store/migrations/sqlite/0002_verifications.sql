-- Mailed codes. An address need not be a user's: who asks for a code cannot tell.
-- +goose Up
-- +goose StatementBegin
CREATE TABLE email_verifications (
    id          TEXT NOT NULL PRIMARY KEY,
    email       TEXT NOT NULL CHECK (email = lower(email)),
    purpose     TEXT NOT NULL CHECK (purpose IN ('register', 'reset')),
    code        TEXT NOT NULL CHECK (length(code) = 6),
    is_used     INTEGER NOT NULL DEFAULT 0 CHECK (is_used IN (0, 1)),
    wrong_tries INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
);
CREATE INDEX email_verifications_email ON email_verifications (email, created_at, id);
CREATE INDEX email_verifications_created ON email_verifications (created_at);
-- +goose StatementEnd

-- +goose Down
DROP TABLE email_verifications;
