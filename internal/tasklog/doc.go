// Package tasklog finds out from the files of a task that ended by itself why it did: it reads the ends of its standard
// error and output from the agent, and picks the last error. It decides nothing and keeps nothing.
package tasklog
