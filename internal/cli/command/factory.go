// Package command owns what every command is given and obeys: the Factory (streams,
// client, clock, environment, files), exit codes, usage errors, and asking before
// something is destroyed.
//
// It holds no command itself.
package command

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/cli/terminal"
	"github.com/flink-on-mesos/flink-service/internal/client"
)

// Clock tells the time and waits.
type Clock interface {
	Now() time.Time
	// Sleep waits for d, or returns the error of ctx when that ends first.
	Sleep(ctx context.Context, d time.Duration) error
}

// Factory is what a command may use of the world.
type Factory struct {
	Streams *terminal.Streams
	Clock   Clock
	// Client returns the client of the service that flags and environment name.
	Client func() (*client.Client, error)
	// Env returns a variable of the environment.
	Env func(name string) string
	// Open opens a local file for reading.
	Open func(name string) (*os.File, error)
	// Poll is the time between two looks at something that is being followed.
	Poll time.Duration
	// Version is the version of this program.
	Version string
}

// SystemClock is the clock of the machine.
type SystemClock struct{}

// Now implements Clock.
func (SystemClock) Now() time.Time { return time.Now() }

// Sleep implements Clock.
func (SystemClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// OpenFile opens a local regular file and says how it is uploaded. The caller closes it.
func (f *Factory) OpenFile(name string) (*os.File, client.File, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, client.File{}, Usagef("open the file: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, client.File{}, Usagef("open the file: %w", err)
	}
	if !info.Mode().IsRegular() {
		file.Close()
		return nil, client.File{}, Usagef("%s is not a regular file: name a file whose size is known", name)
	}
	return file, client.File{Name: filepath.Base(name), Size: info.Size(), Data: file}, nil
}

// Upload sends a local file while a bar shows how far it is.
func Upload[T any](ctx context.Context, f *Factory, name string, quiet bool, send func(context.Context, client.File) (T, error)) (T, error) {
	var none T
	file, upload, err := f.OpenFile(name)
	if err != nil {
		return none, err
	}
	defer file.Close()
	bar := f.Streams.Bar("uploading "+upload.Name, upload.Size, quiet)
	defer bar.Done()
	upload.Sent = bar.Add
	return send(ctx, upload)
}

// Follow calls look until it says that it is done, waiting f.Poll in between. Errors that
// may pass (the service is being restarted, a JobManager replaced) are borne for patience;
// told is called with each such error and may be nil. A deadline of ctx ends it with a timeout.
func (f *Factory) Follow(ctx context.Context, patience time.Duration, told func(error), look func(context.Context) (done bool, err error)) error {
	var since time.Time
	for {
		done, err := look(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !client.Temporary(err):
			return err
		case err != nil:
			now := f.Clock.Now()
			if since.IsZero() {
				since = now
			}
			if now.Sub(since) >= patience {
				return err
			}
			if told != nil {
				told(err)
			}
		case done:
			return nil
		default:
			since = time.Time{}
		}
		if err := f.Clock.Sleep(ctx, f.Poll); err != nil {
			return err
		}
	}
}
