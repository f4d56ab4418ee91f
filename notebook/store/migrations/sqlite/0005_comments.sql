-- +goose Up
-- +goose StatementBegin
CREATE TABLE comments (
    id            TEXT NOT NULL PRIMARY KEY,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    target_id     TEXT NOT NULL,
    target_type   TEXT NOT NULL CHECK (target_type IN ('knowledge', 'persona')),
    parent_id     TEXT REFERENCES comments (id) ON DELETE SET NULL, -- a cascade would end at 1000 levels
    content       TEXT NOT NULL CHECK (content <> ''),
    is_deleted    INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1)),
    deleted_with  TEXT, -- the comment whose deletion took this one
    like_count    INTEGER NOT NULL DEFAULT 0 CHECK (like_count >= 0),
    dislike_count INTEGER NOT NULL DEFAULT 0 CHECK (dislike_count >= 0),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    CHECK (is_deleted = (deleted_with IS NOT NULL))
);
CREATE INDEX comments_target ON comments (target_type, target_id, created_at, id);
CREATE INDEX comments_user ON comments (user_id);
CREATE INDEX comments_parent ON comments (parent_id);
CREATE INDEX comments_deleted_with ON comments (deleted_with) WHERE deleted_with IS NOT NULL;

CREATE TABLE comment_reactions (
    id            TEXT NOT NULL PRIMARY KEY,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    comment_id    TEXT NOT NULL REFERENCES comments (id) ON DELETE CASCADE,
    reaction_type TEXT NOT NULL CHECK (reaction_type IN ('like', 'dislike')),
    created_at    INTEGER NOT NULL,
    UNIQUE (comment_id, user_id)
);
CREATE INDEX comment_reactions_user ON comment_reactions (user_id);

-- An announcement to all users as its sender wrote it; each recipient has a copy
-- of his own in messages.
CREATE TABLE broadcasts (
    id         TEXT NOT NULL PRIMARY KEY,
    sender_id  TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title      TEXT NOT NULL,
    content    TEXT NOT NULL,
    summary    TEXT,
    total_sent INTEGER NOT NULL DEFAULT 0 CHECK (total_sent >= 0),
    total_read INTEGER NOT NULL DEFAULT 0 CHECK (total_read BETWEEN 0 AND total_sent),
    created_at INTEGER NOT NULL
);
CREATE INDEX broadcasts_created ON broadcasts (created_at, id);
CREATE INDEX broadcasts_sender ON broadcasts (sender_id);

CREATE INDEX messages_unread ON messages (recipient_id) WHERE is_read = 0;
CREATE INDEX messages_broadcast ON messages (broadcast_id, id) WHERE broadcast_id IS NOT NULL;

-- How often the messages of a user have changed, whatever changed them.
CREATE TABLE message_changes (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    changes INTEGER NOT NULL DEFAULT 0
);
INSERT INTO message_changes (user_id) SELECT id FROM users;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER message_changes_user AFTER INSERT ON users BEGIN
    INSERT INTO message_changes (user_id) VALUES (new.id);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER messages_insert AFTER INSERT ON messages BEGIN
    UPDATE message_changes SET changes = changes + 1 WHERE user_id = new.recipient_id;
    UPDATE broadcasts SET total_sent = total_sent + 1, total_read = total_read + new.is_read WHERE id = new.broadcast_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER messages_update AFTER UPDATE ON messages BEGIN
    UPDATE message_changes SET changes = changes + 1 WHERE user_id = new.recipient_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER messages_read AFTER UPDATE OF is_read ON messages WHEN new.is_read <> old.is_read BEGIN
    UPDATE broadcasts SET total_read = total_read + new.is_read - old.is_read WHERE id = new.broadcast_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER messages_delete AFTER DELETE ON messages BEGIN
    UPDATE message_changes SET changes = changes + 1 WHERE user_id = old.recipient_id;
    UPDATE broadcasts SET total_sent = total_sent - 1, total_read = total_read - old.is_read WHERE id = old.broadcast_id;
    DELETE FROM broadcasts WHERE id = old.broadcast_id AND total_sent = 0;
END;
-- +goose StatementEnd

-- The counts follow the reactions, whichever statement, cascade included, made,
-- changed or removed them.
-- +goose StatementBegin
CREATE TRIGGER comment_reactions_insert AFTER INSERT ON comment_reactions BEGIN
    UPDATE comments SET like_count = like_count + (new.reaction_type = 'like'), dislike_count = dislike_count + (new.reaction_type = 'dislike')
    WHERE id = new.comment_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER comment_reactions_update AFTER UPDATE OF reaction_type ON comment_reactions BEGIN
    UPDATE comments SET like_count = like_count - (old.reaction_type = 'like') + (new.reaction_type = 'like'),
        dislike_count = dislike_count - (old.reaction_type = 'dislike') + (new.reaction_type = 'dislike')
    WHERE id = new.comment_id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER comment_reactions_delete AFTER DELETE ON comment_reactions BEGIN
    UPDATE comments SET like_count = like_count - (old.reaction_type = 'like'), dislike_count = dislike_count - (old.reaction_type = 'dislike')
    WHERE id = old.comment_id;
END;
-- +goose StatementEnd

-- A comment's target is of one of two tables, which a foreign key cannot say.
-- +goose StatementBegin
CREATE TRIGGER persona_cards_delete_comments AFTER DELETE ON persona_cards BEGIN
    DELETE FROM comments WHERE target_type = 'persona' AND target_id = old.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER knowledge_bases_delete_comments AFTER DELETE ON knowledge_bases BEGIN
    DELETE FROM comments WHERE target_type = 'knowledge' AND target_id = old.id;
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER knowledge_bases_delete_comments;
DROP TRIGGER persona_cards_delete_comments;
DROP TRIGGER messages_delete;
DROP TRIGGER messages_read;
DROP TRIGGER messages_update;
DROP TRIGGER messages_insert;
DROP TRIGGER message_changes_user;
DROP TABLE message_changes;
DROP INDEX messages_broadcast;
DROP INDEX messages_unread;
DROP TABLE broadcasts;
DROP TABLE comment_reactions;
DROP TABLE comments;
