-- What the migrations of SQLite have made by the same number, and why is said there.
-- Texts that are compared or sorted are so byte by byte, as SQLite does it: the order of
-- a list does not depend on where a database was made.
-- +goose Up
-- +goose StatementBegin
-- Which notebook this is: a data directory belongs to one, of which the server knows
-- nothing.
CREATE TABLE notebook (id TEXT NOT NULL);
INSERT INTO notebook (id) VALUES (gen_random_uuid()::TEXT);

CREATE TABLE users (
    id                    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    username              TEXT COLLATE "C" NOT NULL UNIQUE,
    email                 TEXT COLLATE "C" NOT NULL UNIQUE CHECK (email = lower(email)),
    hashed_password       TEXT NOT NULL,
    is_active             BOOLEAN NOT NULL DEFAULT TRUE,
    is_admin              BOOLEAN NOT NULL DEFAULT FALSE,
    is_moderator          BOOLEAN NOT NULL DEFAULT FALSE,
    is_super_admin        BOOLEAN NOT NULL DEFAULT FALSE,
    created_at            BIGINT NOT NULL,
    failed_login_attempts INTEGER NOT NULL DEFAULT 0,
    locked_until          BIGINT,
    last_failed_login     BIGINT,
    is_muted              BOOLEAN NOT NULL DEFAULT FALSE,
    muted_until           BIGINT,
    mute_reason           TEXT,
    ban_reason            TEXT,
    avatar_path           TEXT COLLATE "C",
    avatar_updated_at     BIGINT,
    password_version      INTEGER NOT NULL DEFAULT 0,
    avatar_thumbnail      TEXT COLLATE "C"
);
CREATE INDEX users_avatar_path ON users (avatar_path) WHERE avatar_path IS NOT NULL;
CREATE INDEX users_avatar_thumbnail ON users (avatar_thumbnail) WHERE avatar_thumbnail IS NOT NULL;

CREATE TABLE persona_cards (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name             TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
    description      TEXT NOT NULL CHECK (description <> ''),
    uploader_id      TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    copyright_owner  TEXT,
    content          TEXT,
    tags             TEXT COLLATE "C",
    star_count       INTEGER NOT NULL DEFAULT 0 CHECK (star_count >= 0),
    downloads        INTEGER NOT NULL DEFAULT 0,
    base_path        TEXT NOT NULL,
    is_public        BOOLEAN NOT NULL DEFAULT FALSE,
    is_pending       BOOLEAN NOT NULL DEFAULT FALSE,
    rejection_reason TEXT,
    version          TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    CHECK (NOT (is_public AND is_pending))
);
CREATE INDEX persona_cards_uploader ON persona_cards (uploader_id, created_at, id);
CREATE INDEX persona_cards_public ON persona_cards (is_public, created_at, id);
CREATE INDEX persona_cards_pending ON persona_cards (is_pending, created_at, id);

CREATE TABLE persona_card_files (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    persona_card_id TEXT COLLATE "C" NOT NULL REFERENCES persona_cards (id) ON DELETE CASCADE,
    file_name       TEXT COLLATE "C" NOT NULL,
    original_name   TEXT NOT NULL,
    file_path       TEXT COLLATE "C" NOT NULL,
    file_type       TEXT NOT NULL,
    file_size       BIGINT NOT NULL CHECK (file_size >= 0),
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    UNIQUE (persona_card_id, file_name)
);
CREATE INDEX persona_card_files_path ON persona_card_files (file_path);

CREATE TABLE knowledge_bases (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name             TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
    description      TEXT NOT NULL CHECK (description <> ''),
    uploader_id      TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    copyright_owner  TEXT,
    content          TEXT,
    tags             TEXT COLLATE "C",
    star_count       INTEGER NOT NULL DEFAULT 0 CHECK (star_count >= 0),
    downloads        INTEGER NOT NULL DEFAULT 0,
    base_path        TEXT NOT NULL,
    is_public        BOOLEAN NOT NULL DEFAULT FALSE,
    is_pending       BOOLEAN NOT NULL DEFAULT FALSE,
    rejection_reason TEXT,
    version          TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    UNIQUE (uploader_id, name),
    CHECK (NOT (is_public AND is_pending))
);
CREATE INDEX knowledge_bases_uploader ON knowledge_bases (uploader_id, created_at, id);
CREATE INDEX knowledge_bases_public ON knowledge_bases (is_public, created_at, id);
CREATE INDEX knowledge_bases_pending ON knowledge_bases (is_pending, created_at, id);

CREATE TABLE knowledge_base_files (
    id                TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    knowledge_base_id TEXT COLLATE "C" NOT NULL REFERENCES knowledge_bases (id) ON DELETE CASCADE,
    file_name         TEXT COLLATE "C" NOT NULL,
    original_name     TEXT NOT NULL,
    file_path         TEXT COLLATE "C" NOT NULL,
    file_type         TEXT NOT NULL,
    file_size         BIGINT NOT NULL CHECK (file_size >= 0),
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    UNIQUE (knowledge_base_id, file_name)
);
CREATE INDEX knowledge_base_files_path ON knowledge_base_files (file_path);

CREATE TABLE messages (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    recipient_id    TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sender_id       TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title           TEXT NOT NULL,
    content         TEXT NOT NULL,
    summary         TEXT,
    message_type    TEXT COLLATE "C" NOT NULL DEFAULT 'direct' CHECK (message_type IN ('direct', 'announcement', 'comment', 'reaction')),
    broadcast_id    TEXT COLLATE "C",
    broadcast_scope TEXT CHECK (broadcast_scope = 'all_users'),
    is_read         BOOLEAN NOT NULL DEFAULT FALSE,
    created_at      BIGINT NOT NULL
);
CREATE INDEX messages_recipient ON messages (recipient_id, created_at, id);
CREATE INDEX messages_sender ON messages (sender_id);
CREATE INDEX messages_unread ON messages (recipient_id) WHERE is_read = FALSE;
CREATE INDEX messages_broadcast ON messages (broadcast_id, id) WHERE broadcast_id IS NOT NULL;

CREATE TABLE broadcasts (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    sender_id  TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title      TEXT NOT NULL,
    content    TEXT NOT NULL,
    summary    TEXT,
    total_sent INTEGER NOT NULL DEFAULT 0 CHECK (total_sent >= 0),
    total_read INTEGER NOT NULL DEFAULT 0 CHECK (total_read BETWEEN 0 AND total_sent),
    created_at BIGINT NOT NULL
);
CREATE INDEX broadcasts_created ON broadcasts (created_at, id);
CREATE INDEX broadcasts_sender ON broadcasts (sender_id);

CREATE TABLE message_changes (
    user_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    changes INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE star_records (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id     TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    target_id   TEXT COLLATE "C" NOT NULL,
    target_type TEXT COLLATE "C" NOT NULL CHECK (target_type IN ('knowledge', 'persona')),
    created_at  BIGINT NOT NULL,
    UNIQUE (user_id, target_type, target_id)
);
CREATE INDEX star_records_target ON star_records (target_type, target_id);

CREATE TABLE upload_records (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    uploader_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    target_id   TEXT COLLATE "C" NOT NULL,
    target_type TEXT COLLATE "C" NOT NULL CHECK (target_type IN ('knowledge', 'persona')),
    name        TEXT NOT NULL,
    description TEXT,
    status      TEXT COLLATE "C" NOT NULL CHECK (status IN ('pending', 'approved', 'rejected')),
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    UNIQUE (target_type, target_id)
);
CREATE INDEX upload_records_uploader ON upload_records (uploader_id, created_at, id);

CREATE TABLE download_records (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    target_id   TEXT COLLATE "C" NOT NULL,
    target_type TEXT COLLATE "C" NOT NULL CHECK (target_type IN ('knowledge', 'persona')),
    created_at  BIGINT NOT NULL
);
CREATE INDEX download_records_target ON download_records (target_type, target_id);

CREATE TABLE comments (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id       TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    target_id     TEXT COLLATE "C" NOT NULL,
    target_type   TEXT COLLATE "C" NOT NULL CHECK (target_type IN ('knowledge', 'persona')),
    parent_id     TEXT COLLATE "C" REFERENCES comments (id) ON DELETE SET NULL,
    content       TEXT NOT NULL CHECK (content <> ''),
    is_deleted    BOOLEAN NOT NULL DEFAULT FALSE,
    deleted_with  TEXT COLLATE "C",
    like_count    INTEGER NOT NULL DEFAULT 0 CHECK (like_count >= 0),
    dislike_count INTEGER NOT NULL DEFAULT 0 CHECK (dislike_count >= 0),
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    deleted_by    TEXT COLLATE "C",
    CHECK (is_deleted = (deleted_with IS NOT NULL))
);
CREATE INDEX comments_target ON comments (target_type, target_id, created_at, id);
CREATE INDEX comments_user ON comments (user_id);
CREATE INDEX comments_parent ON comments (parent_id);
CREATE INDEX comments_deleted_with ON comments (deleted_with) WHERE deleted_with IS NOT NULL;

CREATE TABLE comment_reactions (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id       TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    comment_id    TEXT COLLATE "C" NOT NULL REFERENCES comments (id) ON DELETE CASCADE,
    reaction_type TEXT COLLATE "C" NOT NULL CHECK (reaction_type IN ('like', 'dislike')),
    created_at    BIGINT NOT NULL,
    UNIQUE (comment_id, user_id)
);
CREATE INDEX comment_reactions_user ON comment_reactions (user_id);

CREATE TABLE email_verifications (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email       TEXT COLLATE "C" NOT NULL CHECK (email = lower(email)),
    purpose     TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('register', 'reset')),
    code        TEXT NOT NULL CHECK (length(code) = 6),
    is_used     BOOLEAN NOT NULL DEFAULT FALSE,
    wrong_tries INTEGER NOT NULL DEFAULT 0,
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);
CREATE INDEX email_verifications_email ON email_verifications (email, created_at, id);
CREATE INDEX email_verifications_created ON email_verifications (created_at);
-- +goose StatementEnd

-- The triggers are SQLite's. Their functions find the notebook's tables whoever writes,
-- and whatever their search path is.
-- +goose StatementBegin
CREATE FUNCTION count_star() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    r star_records := coalesce(new, old);
    n INTEGER := CASE tg_op WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    IF r.target_type = 'persona' THEN
        UPDATE persona_cards SET star_count = star_count + n WHERE id = r.target_id;
    ELSE
        UPDATE knowledge_bases SET star_count = star_count + n WHERE id = r.target_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER star_records_count AFTER INSERT OR DELETE ON star_records FOR EACH ROW EXECUTE FUNCTION count_star();

-- The argument is the kind of the item.
CREATE FUNCTION delete_about_item() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM star_records WHERE target_type = tg_argv[0] AND target_id = old.id;
    DELETE FROM download_records WHERE target_type = tg_argv[0] AND target_id = old.id;
    DELETE FROM comments WHERE target_type = tg_argv[0] AND target_id = old.id;
    RETURN NULL;
END $$;
CREATE TRIGGER persona_cards_delete AFTER DELETE ON persona_cards FOR EACH ROW EXECUTE FUNCTION delete_about_item('persona');
CREATE TRIGGER knowledge_bases_delete AFTER DELETE ON knowledge_bases FOR EACH ROW EXECUTE FUNCTION delete_about_item('knowledge');

CREATE FUNCTION insert_message_changes() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO message_changes (user_id) VALUES (new.id);
    RETURN NULL;
END $$;
CREATE TRIGGER message_changes_user AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION insert_message_changes();

CREATE FUNCTION count_message() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    CASE tg_op
    WHEN 'INSERT' THEN
        UPDATE message_changes SET changes = changes + 1 WHERE user_id = new.recipient_id;
        UPDATE broadcasts SET total_sent = total_sent + 1, total_read = total_read + new.is_read::INTEGER WHERE id = new.broadcast_id;
    WHEN 'UPDATE' THEN
        UPDATE message_changes SET changes = changes + 1 WHERE user_id = new.recipient_id;
        IF new.is_read <> old.is_read THEN
            UPDATE broadcasts SET total_read = total_read + new.is_read::INTEGER - old.is_read::INTEGER WHERE id = new.broadcast_id;
        END IF;
    ELSE
        UPDATE message_changes SET changes = changes + 1 WHERE user_id = old.recipient_id;
        UPDATE broadcasts SET total_sent = total_sent - 1, total_read = total_read - old.is_read::INTEGER WHERE id = old.broadcast_id;
        DELETE FROM broadcasts WHERE id = old.broadcast_id AND total_sent = 0;
    END CASE;
    RETURN NULL;
END $$;
CREATE TRIGGER messages_count AFTER INSERT OR UPDATE OR DELETE ON messages FOR EACH ROW EXECUTE FUNCTION count_message();

CREATE FUNCTION count_reaction() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF tg_op <> 'INSERT' THEN
        UPDATE comments SET like_count = like_count - (old.reaction_type = 'like')::INTEGER,
            dislike_count = dislike_count - (old.reaction_type = 'dislike')::INTEGER WHERE id = old.comment_id;
    END IF;
    IF tg_op <> 'DELETE' THEN
        UPDATE comments SET like_count = like_count + (new.reaction_type = 'like')::INTEGER,
            dislike_count = dislike_count + (new.reaction_type = 'dislike')::INTEGER WHERE id = new.comment_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER comment_reactions_count AFTER INSERT OR DELETE OR UPDATE OF reaction_type ON comment_reactions
    FOR EACH ROW EXECUTE FUNCTION count_reaction();
-- +goose StatementEnd

-- +goose Down
DROP TABLE email_verifications, comment_reactions, comments, download_records, upload_records, star_records, message_changes, broadcasts, messages,
    knowledge_base_files, knowledge_bases, persona_card_files, persona_cards, users, notebook;
DROP FUNCTION count_star, delete_about_item, insert_message_changes, count_message, count_reaction;
