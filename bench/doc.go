// Command bench measures unstale against what it promises: what a hit costs
// beside a handler that writes the same bytes, what an invalidation costs with
// few and with many entries resident, what capture adds to a write, what all of
// it makes of the notebook, how much of what is dropped had to be, and how other
// caches do.
//
// Whatever is compared runs beside each other: in short rounds by turns, in the
// same minutes, so that a noisy machine is noisy for all alike. A figure is the
// median over the rounds with its quartiles; a ratio is made round by round
// before its median is taken. Nothing here fails for being slow. It fails if the
// two sides do not answer the same, if the entries are not resident, or if an
// answer is stale.
//
// Servers and stores of different sizes are processes of their own, made from
// this same binary, so that the processor time and the garbage of one are not
// charged to another.
package main
