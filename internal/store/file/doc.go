// Package file owns the embedded store: the state of a service that runs on one machine, in one directory.
//
// The directory holds one log, state-<n>.log, to which every Apply appends one frame and
// waits until it is on disk; calls that come while the disk is busy share the next
// frame and its fsync. When most of the log is out of date its live records are written to the
// log <n+1>, which replaces it by a rename. A frame carries checksums: what a crash left unfinished at the end is cut off
// when the log is opened, and damage anywhere else is an error that names the file and the place, never repaired by guessing.
//
// It refuses to share the directory: a second process gets ErrLocked with the first one's process id.
package file
