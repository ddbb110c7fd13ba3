// Package state owns what is known: the State, the clusters and tasks in it, their records, and the
// transaction (Tx) in which one step changes them. It also has the closed sets of events and actions. It
// decides nothing.
package state
