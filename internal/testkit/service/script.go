package service

import (
	"container/heap"
	"sync"
	"time"
)

// script calls functions at their times, one after the other.
type script struct {
	speed int
	wake  chan struct{}
	done  chan struct{}
	gone  chan struct{}

	mu    sync.Mutex
	queue calls
	count int
}

// call is a planned call; of two at the same time the one that was planned first comes first.
type call struct {
	at time.Time
	n  int
	f  func()
}

func newScript(speed int) *script {
	s := &script{speed: speed, wake: make(chan struct{}, 1), done: make(chan struct{}), gone: make(chan struct{})}
	go s.run()
	return s
}

// scaled is a time of the script as it is waited for.
func (s *script) scaled(d time.Duration) time.Duration { return d / time.Duration(s.speed) }

// after plans a call. It does not wait.
func (s *script) after(d time.Duration, f func()) {
	s.mu.Lock()
	s.count++
	heap.Push(&s.queue, call{at: time.Now().Add(s.scaled(d)), n: s.count, f: f})
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *script) run() {
	defer close(s.gone)
	for {
		s.mu.Lock()
		wait := time.Hour
		var due func()
		if len(s.queue) > 0 {
			if wait = time.Until(s.queue[0].at); wait <= 0 {
				due = heap.Pop(&s.queue).(call).f
			}
		}
		s.mu.Unlock()
		if due != nil {
			due()
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-s.wake:
		case <-s.done:
			t.Stop()
			return
		}
		t.Stop()
	}
}

// close ends the script; what is planned does not happen.
func (s *script) close() {
	close(s.done)
	<-s.gone
}

// calls is a heap.
type calls []call

func (c calls) Len() int      { return len(c) }
func (c calls) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c calls) Less(i, j int) bool {
	if c[i].at.Equal(c[j].at) {
		return c[i].n < c[j].n
	}
	return c[i].at.Before(c[j].at)
}

// Push implements heap.Interface.
func (c *calls) Push(x any) { *c = append(*c, x.(call)) }

// Pop implements heap.Interface.
func (c *calls) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}
