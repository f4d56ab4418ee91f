// Package notebook holds the words and rules of the notebook, a site where
// people share persona cards, a bot_config.toml that gives a chat bot its
// character, and knowledge bases, the texts that it knows. Both are items, with
// a name, a description and tags. Items go through review before they are
// public; people star them and download them.
//
// Here are the types, the rules and the errors, and no input or output:
// package store keeps rows, package files keeps what was uploaded, package api
// speaks HTTP.
package notebook
