-- A picture and its thumbnail are kept under the SHA-256 of their content, which is
-- what avatar_path and avatar_thumbnail hold.
-- +goose Up
ALTER TABLE users ADD COLUMN avatar_thumbnail TEXT;
CREATE INDEX users_avatar_path ON users (avatar_path) WHERE avatar_path IS NOT NULL;
CREATE INDEX users_avatar_thumbnail ON users (avatar_thumbnail) WHERE avatar_thumbnail IS NOT NULL;

-- +goose Down
DROP INDEX users_avatar_thumbnail;
DROP INDEX users_avatar_path;
ALTER TABLE users DROP COLUMN avatar_thumbnail;
