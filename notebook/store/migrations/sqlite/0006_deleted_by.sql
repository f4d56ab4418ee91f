-- +goose Up
-- Who deleted a comment. Of what was deleted before nobody knows: staff alone
-- restores it.
ALTER TABLE comments ADD COLUMN deleted_by TEXT;
