// Package examples holds small services that use unstale, one directory each.
// They are compiled and tested like the rest.
//
// It is a module of its own, so that the routers and ORMs it shows are never
// requirements of those who use the library.
package examples
