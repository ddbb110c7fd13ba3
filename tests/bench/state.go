package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/file"
	"github.com/flink-on-mesos/flink-service/internal/store/zk"
	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
)

// The bench of the stores: how many small writes a second become durable. It measures 64 callers at once, as when an
// answer to many API calls and status updates waits for its save, beside one caller that waits for each write. Both
// wait for the disk, ZooKeeper's too.
const (
	stateWriters = 64
	stateRounds  = 5
	stateRound   = time.Second
	stateValue   = 700 // About a task's record, in bytes.
)

func benchState(ctx context.Context, e env) ([]Result, error) {
	files, err := file.New(file.Options{Dir: filepath.Join(e.dir, "file")})
	if err != nil {
		return nil, err
	}
	defer files.Close()
	nodes, stop, err := startZooKeeperStore(ctx, filepath.Join(e.dir, "zookeeper"))
	if err != nil {
		return nil, err
	}
	defer stop()
	var results []Result
	for _, s := range []struct {
		name  string
		store store.Store
	}{{"state_writes_per_s_zk", nodes}, {"state_writes_per_s_file", files}} {
		var many, one []float64
		for round := range stateRounds + 1 {
			m, err := writes(ctx, s.store, stateWriters)
			if err != nil {
				return nil, err
			}
			o, err := writes(ctx, s.store, 1)
			if err != nil {
				return nil, err
			}
			if round == 0 { // The first warms up.
				continue
			}
			many, one = append(many, m), append(one, o)
			fmt.Fprintf(e.progress, "  %s round %d: %d callers %.0f/s, one caller %.0f/s\n", s.name, round, stateWriters, m, o)
		}
		results = append(results, NewResult(s.name, "writes/s", many, "one caller at a time", one))
	}
	return results, nil
}

// startZooKeeperStore starts a server that waits for its disk, and a store that leads.
func startZooKeeperStore(ctx context.Context, dir string) (*zk.Store, func(), error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	server, err := zookeeper.New(ctx, zookeeper.Options{Dir: dir, Durable: true})
	if err != nil {
		return nil, nil, err
	}
	nodes, err := zk.New(ctx, zk.Options{Servers: []string{server.Addr}, Path: "/bench"})
	if err != nil {
		server.Kill()
		return nil, nil, err
	}
	stop := func() {
		_ = nodes.Close()
		server.Kill()
	}
	if _, err := nodes.Lock(ctx, "bench", nil); err != nil {
		stop()
		return nil, nil, err
	}
	return nodes, stop, nil
}

// writes has so many callers each write one record after the other for a round, and returns how many became durable a second.
func writes(ctx context.Context, s store.Store, writers int) (float64, error) {
	value := []byte(`{"kind":"task","schema":1,"data":{"text":"` + strings.Repeat("x", stateValue-44) + `"}}`)
	counts, errs := make([]int, writers), make(chan error, writers)
	began := time.Now()
	var done sync.WaitGroup
	for w := range writers {
		done.Go(func() {
			for time.Since(began) < stateRound {
				// A thousand records, as of a thousand tasks, each written again and again.
				r := store.Record{Key: fmt.Sprintf("task/%04d", (w+counts[w]*writers)%1000), Value: value}
				if err := s.Apply(ctx, []store.Record{r}); err != nil {
					errs <- err
					return
				}
				counts[w]++
			}
		})
	}
	done.Wait()
	took := time.Since(began)
	select {
	case err := <-errs:
		return 0, err
	default:
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / took.Seconds(), nil
}
