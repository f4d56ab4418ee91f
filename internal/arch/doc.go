// Package arch holds the layout of this repository: who may import whom, how
// packages are named, and that each says what it is for. It has no code of its
// own; its tests read the sources of every module in the tree.
package arch
