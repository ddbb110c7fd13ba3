package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCoordinate(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name   string
		stream []arrival
		want   []time.Duration
	}{
		{"one batch", []arrival{{0, 2, 0}, {s / 2, 0, 2}}, []time.Duration{3 * s / 2, 3 * s / 2}},
		{"each batch starts the second anew", []arrival{{0, 1, 0}, {s / 2, 0, 1}, {s, 0, 1}, {9 * s / 5, 0, 1}}, []time.Duration{14 * s / 5}},
		{"what finds no place waits", []arrival{{0, 2, 0}, {0, 0, 1}, {3 * s, 0, 1}}, []time.Duration{s, 4 * s}},
		{"offers while idle are declined", []arrival{{0, 0, 5}, {s, 1, 0}}, nil},
		{"idle again", []arrival{{0, 1, 0}, {0, 0, 1}, {10 * s, 1, 0}, {11 * s, 0, 1}}, []time.Duration{s, 12 * s}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, coordinate(tt.stream)); diff != "" {
				t.Fatalf("coordinate() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}
