// Command bench measures the service beside what it is compared with, in one run, and writes a table and
// build/bench.json. It refuses to judge: the bars are kept by whoever reads the numbers.
//
// Each bench stands in a file of its own and has one line in benches.
package main

import "os"

// benches lists them all, in the order in which they run.
func benches() []bench {
	return []bench{
		{"artifact", benchArtifact},
		{"state", benchState},
		{"autoscale", benchAutoscale},
		{"offers", benchOffers},
		{"demand", benchDemand},
		{"matcher", benchMatcher},
		{"tick", benchTick},
		{"fenzo", benchFenzo},
		{"classes", benchClasses},
		{"start", benchStart},
		{"submit", benchSubmit},
		{"killed", benchKilled},
		{"upgrade", benchUpgrade},
		{"hostlost", benchHostLost},
		{"warm", benchWarm},
		{"memory", benchMemory},
		{"launch", benchLaunch},
		{"restart", benchRestart},
		{"takeover", benchTakeover},
	}
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
