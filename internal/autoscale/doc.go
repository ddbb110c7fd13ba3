// Package autoscale decides the parallelism of the vertices of a running Flink job from the
// metrics that Flink reports, by the algorithm of the Flink Kubernetes operator's autoscaler and
// under the operator's option names (job.autoscaler.*).
//
// Step is the whole of it: options, the state so far and one collection of metrics go in; the
// next state and a result come out. The result holds the evaluated vertices, the recommended
// parallelism of each, what to do now, and the reasons as codes with data.
//
//	Collection ──► Sample ──► window ──► evaluate ──► vertex ──► job ──► fit ──► Result
//	 (REST)        history    ready?     rates,        factor,    any    quota,
//	                                     targets       limits,    out of room
//	                                                   delay      band?
//
// The package is pure: it reads no clock, performs no I/O and starts nothing. It does not carry
// out what it recommends, and it writes no sentences: whoever shows a Reason words it.
//
// docs/autoscaler.md lists the options, the formulas and every deliberate difference from the
// operator. The same decisions as flink-autoscaler 1.10.0 are held by TestOracle.
package autoscale
