CREATE TABLE users (
  id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL, about TEXT NOT NULL, karma INTEGER NOT NULL,
  session_token TEXT NOT NULL UNIQUE, invited_by_user_id INTEGER REFERENCES users, created_at INTEGER NOT NULL, last_login_at INTEGER);

CREATE TABLE tags (id INTEGER PRIMARY KEY, tag TEXT NOT NULL UNIQUE, description TEXT NOT NULL);

CREATE TABLE stories (
  id INTEGER PRIMARY KEY, short_id TEXT NOT NULL UNIQUE, user_id INTEGER NOT NULL REFERENCES users, title TEXT NOT NULL, url TEXT NOT NULL,
  description TEXT NOT NULL, score INTEGER NOT NULL, hotness REAL NOT NULL, comments_count INTEGER NOT NULL,
  is_expired INTEGER NOT NULL, merged_story_id INTEGER REFERENCES stories, created_at INTEGER NOT NULL);
CREATE INDEX stories_user ON stories (user_id);
CREATE INDEX stories_hotness ON stories (hotness, id);
CREATE INDEX stories_merged ON stories (merged_story_id);

CREATE TABLE taggings (
  id INTEGER PRIMARY KEY, story_id INTEGER NOT NULL REFERENCES stories, tag_id INTEGER NOT NULL REFERENCES tags, UNIQUE (story_id, tag_id));
CREATE INDEX taggings_tag ON taggings (tag_id);

CREATE TABLE comments (
  id INTEGER PRIMARY KEY, short_id TEXT NOT NULL UNIQUE, story_id INTEGER NOT NULL REFERENCES stories, user_id INTEGER NOT NULL REFERENCES users,
  parent_comment_id INTEGER REFERENCES comments, comment TEXT NOT NULL, score INTEGER NOT NULL, confidence REAL NOT NULL, is_deleted INTEGER NOT NULL, created_at INTEGER NOT NULL);
CREATE INDEX comments_story ON comments (story_id);
CREATE INDEX comments_user ON comments (user_id);

CREATE TABLE votes (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, story_id INTEGER NOT NULL REFERENCES stories,
  comment_id INTEGER REFERENCES comments, vote INTEGER NOT NULL);
CREATE INDEX votes_user_story ON votes (user_id, story_id);

CREATE TABLE hidden_stories (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, story_id INTEGER NOT NULL REFERENCES stories, UNIQUE (user_id, story_id));
CREATE TABLE saved_stories (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, story_id INTEGER NOT NULL REFERENCES stories, UNIQUE (user_id, story_id));
CREATE TABLE tag_filters (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, tag_id INTEGER NOT NULL REFERENCES tags, UNIQUE (user_id, tag_id));

CREATE TABLE read_ribbons (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, story_id INTEGER NOT NULL REFERENCES stories,
  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, UNIQUE (user_id, story_id));

CREATE TABLE keystores (key TEXT PRIMARY KEY, value INTEGER NOT NULL);
