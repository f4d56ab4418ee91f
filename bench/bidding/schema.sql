CREATE TABLE categories (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE regions (id INTEGER PRIMARY KEY, name TEXT NOT NULL);

CREATE TABLE users (
  id INTEGER PRIMARY KEY, firstname TEXT NOT NULL, lastname TEXT NOT NULL, nickname TEXT NOT NULL UNIQUE, password TEXT NOT NULL,
  email TEXT NOT NULL, rating INTEGER NOT NULL, balance REAL NOT NULL, creation_date INTEGER NOT NULL, region INTEGER NOT NULL REFERENCES regions);
CREATE INDEX users_region ON users (region);

CREATE TABLE items (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, initial_price REAL NOT NULL, quantity INTEGER NOT NULL,
  reserve_price REAL NOT NULL, buy_now REAL NOT NULL, nb_of_bids INTEGER NOT NULL, max_bid REAL NOT NULL,
  start_date INTEGER NOT NULL, end_date INTEGER NOT NULL,
  seller INTEGER NOT NULL REFERENCES users, category INTEGER NOT NULL REFERENCES categories);
CREATE INDEX items_seller ON items (seller);
CREATE INDEX items_category ON items (category, end_date, id);

CREATE TABLE bids (
  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, item_id INTEGER NOT NULL REFERENCES items, qty INTEGER NOT NULL,
  bid REAL NOT NULL, max_bid REAL NOT NULL, date INTEGER NOT NULL);
CREATE INDEX bids_item ON bids (item_id);
CREATE INDEX bids_user ON bids (user_id);

CREATE TABLE buy_now (
  id INTEGER PRIMARY KEY, buyer_id INTEGER NOT NULL REFERENCES users, item_id INTEGER NOT NULL REFERENCES items,
  qty INTEGER NOT NULL, date INTEGER NOT NULL);
CREATE INDEX buy_now_buyer ON buy_now (buyer_id);

CREATE TABLE comments (
  id INTEGER PRIMARY KEY, from_user_id INTEGER NOT NULL REFERENCES users, to_user_id INTEGER NOT NULL REFERENCES users,
  item_id INTEGER NOT NULL REFERENCES items, rating INTEGER NOT NULL, date INTEGER NOT NULL, comment TEXT NOT NULL);
CREATE INDEX comments_to ON comments (to_user_id);
