-- +goose Up
-- +goose StatementBegin
CREATE TABLE knowledge_bases (
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
    UNIQUE (uploader_id, name),
    CHECK (NOT (is_public AND is_pending))
);
CREATE INDEX knowledge_bases_uploader ON knowledge_bases (uploader_id, created_at, id);
CREATE INDEX knowledge_bases_public ON knowledge_bases (is_public, created_at, id);
CREATE INDEX knowledge_bases_pending ON knowledge_bases (is_pending, created_at, id);

CREATE TABLE knowledge_base_files (
    id                TEXT NOT NULL PRIMARY KEY,
    knowledge_base_id TEXT NOT NULL REFERENCES knowledge_bases (id) ON DELETE CASCADE,
    file_name         TEXT NOT NULL,
    original_name     TEXT NOT NULL,
    file_path         TEXT NOT NULL, -- SHA-256 of the content
    file_type         TEXT NOT NULL,
    file_size         INTEGER NOT NULL CHECK (file_size >= 0),
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    UNIQUE (knowledge_base_id, file_name)
);
CREATE INDEX knowledge_base_files_path ON knowledge_base_files (file_path);
-- +goose StatementEnd

-- As for persona cards: the count follows the records, and what refers to a base
-- goes with it.
-- +goose StatementBegin
CREATE TRIGGER star_records_insert_knowledge AFTER INSERT ON star_records WHEN new.target_type = 'knowledge' BEGIN
    UPDATE knowledge_bases SET star_count = star_count + 1 WHERE id = new.target_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER star_records_delete_knowledge AFTER DELETE ON star_records WHEN old.target_type = 'knowledge' BEGIN
    UPDATE knowledge_bases SET star_count = star_count - 1 WHERE id = old.target_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER knowledge_bases_delete AFTER DELETE ON knowledge_bases BEGIN
    DELETE FROM star_records WHERE target_type = 'knowledge' AND target_id = old.id;
    DELETE FROM download_records WHERE target_type = 'knowledge' AND target_id = old.id;
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER knowledge_bases_delete;
DROP TRIGGER star_records_delete_knowledge;
DROP TRIGGER star_records_insert_knowledge;
DROP TABLE knowledge_base_files;
DROP TABLE knowledge_bases;
