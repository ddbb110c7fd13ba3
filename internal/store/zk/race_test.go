//go:build race

package zk_test

// raceEnabled says that everything is several times slower.
const raceEnabled = true
