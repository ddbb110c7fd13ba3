package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/flink-on-mesos/flink-service/internal/config"
	"github.com/flink-on-mesos/flink-service/internal/store"
	"github.com/flink-on-mesos/flink-service/internal/store/encrypted"
	"github.com/flink-on-mesos/flink-service/internal/store/file"
	"github.com/flink-on-mesos/flink-service/internal/store/zk"
)

// openedState is the opened store, and the election of who writes it.
type openedState struct {
	store.Store
	zk *zk.Store // nil for a store of this machine alone, whose opening is the election
}

// openState opens the store of the options, or the one of the configuration.
func (s *Service) openState(ctx context.Context) (*openedState, error) {
	if s.o.Store == nil {
		return openState(ctx, s.c.State, s.o.Network, s.log)
	}
	st, err := s.o.Store()
	if err != nil {
		return nil, fmt.Errorf("open the state: %w", err)
	}
	return seal(st, nil, s.c.State)
}

// openState opens the store that STATE_STORE names.
func openState(ctx context.Context, c config.State, network Network, log *slog.Logger) (*openedState, error) {
	if !strings.HasPrefix(c.Store, "zk://") {
		dir, err := file.Dir(c.Store)
		if err != nil {
			return nil, fmt.Errorf("STATE_STORE: %w", err)
		}
		s, err := file.New(file.Options{Dir: dir, Log: log})
		if err != nil {
			return nil, fmt.Errorf("STATE_STORE %s: %w", c.Store, err)
		}
		return seal(s, nil, c)
	}
	o, err := zk.ParseURL(c.Store)
	if err != nil {
		return nil, fmt.Errorf("STATE_STORE: %w", err)
	}
	if c.User != "" {
		o.User, o.Password = c.User, zk.Secret(c.Password.Reveal())
	}
	if c.TLS {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if o.TLS.RootCAs, err = authorities("STATE_STORE_CA_FILE", c.CAFile); err != nil {
			return nil, err
		}
	}
	o.SessionTimeout, o.Log, o.Dial = c.SessionTimeout, log, network.dialTimeout()
	s, err := zk.New(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("STATE_STORE: %w", err)
	}
	return seal(s, s, c)
}

// others are the addresses of the other instances that lead or wait to; none with a store of this machine alone.
func (s *openedState) others(ctx context.Context, own string) ([]string, error) {
	if s.zk == nil {
		return nil, nil
	}
	infos, err := s.zk.Line(ctx)
	var all []string
	for _, info := range infos {
		if u := string(info); u != "" && u != own {
			all = append(all, u)
		}
	}
	return all, err
}

// seal puts STATE_KEY in front of a store.
func seal(s store.Store, z *zk.Store, c config.State) (*openedState, error) {
	front, err := encrypted.New(s, c.Key.Reveal())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("STATE_KEY: %w", err), s.Close())
	}
	return &openedState{Store: front, zk: z}, nil
}

// lead waits until this instance may write. Lost is closed when it may no longer; nil for never.
func (s *openedState) lead(ctx context.Context, id, url string) (lost <-chan struct{}, release func() error, err error) {
	if s.zk == nil {
		return nil, func() error { return nil }, nil
	}
	l, err := s.zk.Lock(ctx, id, []byte(url))
	if err != nil {
		return nil, nil, err
	}
	return l.Lost(), l.Release, nil
}

// remove deletes everything that is stored, and from ZooKeeper also what it was stored in. It returns how many records
// there were.
func (s *openedState) remove(ctx context.Context) (int, error) {
	n, err := removeRecords(ctx, s)
	if err == nil && s.zk != nil {
		if err = s.zk.Remove(ctx); err != nil {
			err = fmt.Errorf("remove the state: %w", err)
		}
	}
	return n, err
}
