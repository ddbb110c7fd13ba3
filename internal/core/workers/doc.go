// Package workers decides how many TaskManagers there should be and which: a fixed number, or what Flink
// asks for, and the replacement of those on agents that are being drained.
package workers
