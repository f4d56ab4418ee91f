-- Times are microseconds since 1970 in UTC: they sort, and come back as they went in.
-- +goose Up
-- +goose StatementBegin
CREATE TABLE users (
    id                    TEXT NOT NULL PRIMARY KEY,
    username              TEXT NOT NULL UNIQUE,
    email                 TEXT NOT NULL UNIQUE CHECK (email = lower(email)),
    hashed_password       TEXT NOT NULL,
    is_active             INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    is_admin              INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),
    is_moderator          INTEGER NOT NULL DEFAULT 0 CHECK (is_moderator IN (0, 1)),
    is_super_admin        INTEGER NOT NULL DEFAULT 0 CHECK (is_super_admin IN (0, 1)),
    created_at            INTEGER NOT NULL,
    failed_login_attempts INTEGER NOT NULL DEFAULT 0,
    locked_until          INTEGER,
    last_failed_login     INTEGER,
    is_muted              INTEGER NOT NULL DEFAULT 0 CHECK (is_muted IN (0, 1)),
    muted_until           INTEGER,
    mute_reason           TEXT,
    ban_reason            TEXT,
    avatar_path           TEXT,
    avatar_updated_at     INTEGER,
    password_version      INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE persona_cards (
    id               TEXT NOT NULL PRIMARY KEY,
    name             TEXT NOT NULL CHECK (name <> ''),
    description      TEXT NOT NULL CHECK (description <> ''),
    uploader_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    copyright_owner  TEXT,
    content          TEXT,
    tags             TEXT,
    star_count       INTEGER NOT NULL DEFAULT 0 CHECK (star_count >= 0),
    downloads        INTEGER NOT NULL DEFAULT 0,
    base_path        TEXT NOT NULL,
    is_public        INTEGER NOT NULL DEFAULT 0 CHECK (is_public IN (0, 1)),
    is_pending       INTEGER NOT NULL DEFAULT 0 CHECK (is_pending IN (0, 1)),
    rejection_reason TEXT,
    version          TEXT NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    CHECK (NOT (is_public AND is_pending))
);
CREATE INDEX persona_cards_uploader ON persona_cards (uploader_id, created_at, id);
CREATE INDEX persona_cards_public ON persona_cards (is_public, created_at, id);
CREATE INDEX persona_cards_pending ON persona_cards (is_pending, created_at, id);

CREATE TABLE persona_card_files (
    id              TEXT NOT NULL PRIMARY KEY,
    persona_card_id TEXT NOT NULL REFERENCES persona_cards (id) ON DELETE CASCADE,
    file_name       TEXT NOT NULL,
    original_name   TEXT NOT NULL,
    file_path       TEXT NOT NULL, -- SHA-256 of the content
    file_type       TEXT NOT NULL,
    file_size       INTEGER NOT NULL CHECK (file_size >= 0),
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    UNIQUE (persona_card_id, file_name)
);
CREATE INDEX persona_card_files_path ON persona_card_files (file_path);

CREATE TABLE messages (
    id              TEXT NOT NULL PRIMARY KEY,
    recipient_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sender_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title           TEXT NOT NULL,
    content         TEXT NOT NULL,
    summary         TEXT,
    message_type    TEXT NOT NULL DEFAULT 'direct' CHECK (message_type IN ('direct', 'announcement', 'comment', 'reaction')),
    broadcast_id    TEXT,
    broadcast_scope TEXT CHECK (broadcast_scope = 'all_users'),
    is_read         INTEGER NOT NULL DEFAULT 0 CHECK (is_read IN (0, 1)),
    created_at      INTEGER NOT NULL
);
CREATE INDEX messages_recipient ON messages (recipient_id, created_at, id);
CREATE INDEX messages_sender ON messages (sender_id);

CREATE TABLE star_records (
    id          TEXT NOT NULL PRIMARY KEY,
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    target_id   TEXT NOT NULL,
    target_type TEXT NOT NULL CHECK (target_type IN ('knowledge', 'persona')),
    created_at  INTEGER NOT NULL,
    UNIQUE (user_id, target_type, target_id)
);
CREATE INDEX star_records_target ON star_records (target_type, target_id);

CREATE TABLE upload_records (
    id          TEXT NOT NULL PRIMARY KEY,
    uploader_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    target_id   TEXT NOT NULL,
    target_type TEXT NOT NULL CHECK (target_type IN ('knowledge', 'persona')),
    name        TEXT NOT NULL,
    description TEXT,
    status      TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'rejected')),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (target_type, target_id)
);
CREATE INDEX upload_records_uploader ON upload_records (uploader_id, created_at, id);

CREATE TABLE download_records (
    id          TEXT NOT NULL PRIMARY KEY,
    target_id   TEXT NOT NULL,
    target_type TEXT NOT NULL CHECK (target_type IN ('knowledge', 'persona')),
    created_at  INTEGER NOT NULL
);
CREATE INDEX download_records_target ON download_records (target_type, target_id);
-- +goose StatementEnd

-- The count follows the records, whichever statement, cascade included, made or
-- removed them.
-- +goose StatementBegin
CREATE TRIGGER star_records_insert AFTER INSERT ON star_records WHEN new.target_type = 'persona' BEGIN
    UPDATE persona_cards SET star_count = star_count + 1 WHERE id = new.target_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER star_records_delete AFTER DELETE ON star_records WHEN old.target_type = 'persona' BEGIN
    UPDATE persona_cards SET star_count = star_count - 1 WHERE id = old.target_id;
END;
-- +goose StatementEnd

-- A star's target is of one of two tables, which a foreign key cannot say.
-- +goose StatementBegin
CREATE TRIGGER persona_cards_delete AFTER DELETE ON persona_cards BEGIN
    DELETE FROM star_records WHERE target_type = 'persona' AND target_id = old.id;
    DELETE FROM download_records WHERE target_type = 'persona' AND target_id = old.id;
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE download_records;
DROP TABLE upload_records;
DROP TABLE star_records;
DROP TABLE messages;
DROP TABLE persona_card_files;
DROP TABLE persona_cards;
DROP TABLE users;
