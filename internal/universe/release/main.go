// Command release makes and serves the DC/OS package; see package universe.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/flink-on-mesos/flink-service/internal/universe"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := universe.Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
