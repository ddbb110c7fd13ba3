// Package zk owns the store in ZooKeeper: the records of a service that runs on a cluster of
// machines, the lock that says which instance leads, and the fence that keeps every other one from writing.
//
// Nodes, conventions and reasons are in DESIGN.md of package store. In short: every write is one transaction that also checks the
// leader's lock node and moves the node "head" on by one version, so that no two instances can both write, and what became of a write that a lost connection left
// unanswered can always be told.
//
// It refuses to write without the lock, to read a layout of another release, and to go on after it lost the lock.
package zk
