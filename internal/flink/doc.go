// Package flink owns what the service knows about Flink itself: how a process divides its
// memory, which settings and JVM options a JobManager or TaskManager is started with, and
// the files that its sandbox needs. It computes; it starts nothing, and talks to nobody
// (package rest does the talking).
//
// # Whose settings win
//
// From weakest to strongest:
//
//  1. Flink's defaults;
//  2. the service's defaults (Defaults), chosen for life on Mesos;
//  3. the user's flinkConfiguration, in conf/config.yaml;
//  4. what only the service can know (ports, addresses, identities, the memory split), given to
//     each process as dynamic properties on its command line.
//
// A user who sets an option of the last kind is told so by CheckConfiguration, with the reason;
// nothing is overruled silently. What is secret is only ever in conf/config.yaml and in the other files
// of the overlay, never on a command line.
package flink
