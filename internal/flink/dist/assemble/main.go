// Command assemble makes Flink distributions; see package dist.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/flink-on-mesos/flink-service/internal/flink/dist"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := dist.Main(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
