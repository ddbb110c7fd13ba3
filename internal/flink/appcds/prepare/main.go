// Command prepare makes the class archives of the distributions in build/flink; see package classes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/flink-on-mesos/flink-service/internal/flink/appcds"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := appcds.Main(ctx, os.Args[1:], os.Getenv, os.Stderr)
	stop()
	os.Exit(code)
}
