// Command assemble makes the Java archive of the DC/OS package; see package jre.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/flink-on-mesos/flink-service/internal/flink/jre"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := jre.Main(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
