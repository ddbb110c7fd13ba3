// Command prepare fetches what the tests need to start ZooKeeper servers, so that they need no network later.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/flink-on-mesos/flink-service/internal/testkit/zookeeper"
)

func main() {
	classPath, err := zookeeper.Prepare(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "prepare ZooKeeper:", err)
		os.Exit(1)
	}
	fmt.Println(classPath)
}
