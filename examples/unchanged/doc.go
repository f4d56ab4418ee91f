// Package unchanged tests the cache in applications as they are found. They are in its
// tests: an API on gin and gorm that passes no context anywhere, and a server-rendered site with
// session middleware inside the cache and two pools on one file.
//
// Each application has two functions that start it, as it was and with the cache, and a
// test counts the lines that differ. A random walk of its users is checked against
// the former on a copy of the data, after each write.
package unchanged
