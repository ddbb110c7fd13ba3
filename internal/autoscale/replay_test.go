package autoscale_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flink-on-mesos/flink-service/internal/autoscale"
)

func TestReplay(t *testing.T) {
	t.Parallel()
	j, o := pair(), plain()
	j.busy[1], j.lag = 1000, growing
	var history []autoscale.Record
	for minute := range 4 {
		history = append(history, autoscale.Record{Collection: j.at(minute)})
	}
	// What was recorded is read back as it was.
	data, err := json.Marshal(history)
	if err != nil {
		t.Fatal(err)
	}
	history = nil
	if err := json.Unmarshal(data, &history); err != nil {
		t.Fatal(err)
	}
	if list := autoscale.Replay(history, o, o); len(list) != 0 {
		t.Errorf("the same options make %d differences", len(list))
	}

	other := o
	other.Parallelism.Max = 6
	list := autoscale.Replay(history, o, other)
	type row struct {
		At                 time.Time
		Vertex             string
		Now, Before, After int
	}
	var got []row
	for _, d := range list {
		got = append(got, row{d.At, d.Vertex, d.Now, d.Before, d.After})
	}
	// The window is full in minute 2. The source need not deliver more than what map can take.
	var want []row
	for _, at := range []time.Time{start.Add(2 * time.Minute), start.Add(3 * time.Minute)} {
		want = append(want, row{at, "source", 2, 4, 3}, row{at, "map", 4, 10, 6})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("differences mismatch (-want +got):\n%s", diff)
	}
	if !slices.Contains(codes(list[1].ReasonsAfter), autoscale.ParallelismLimited) || slices.Contains(codes(list[1].ReasonsBefore), autoscale.ParallelismLimited) {
		t.Errorf("the reasons are %v and %v", list[1].ReasonsBefore, list[1].ReasonsAfter)
	}

	// Only whether to act differs: the job's reasons say why.
	other = o
	other.Act = false
	list = autoscale.Replay(history, o, other)
	if len(list) == 0 || list[0].Vertex != "" || !list[0].ActBefore || list[0].ActAfter || !slices.Contains(codes(list[0].ReasonsAfter), autoscale.RecommendOnly) {
		t.Errorf("differences %+v", list)
	}

	// A longer window recommends nothing yet.
	other = o
	other.Window.Length = time.Hour
	if list = autoscale.Replay(history, o, other); len(list) != 4 || list[0].Before != 4 || list[0].After != 0 {
		t.Errorf("%d differences, the first to %d", len(list), list[0].After)
	}
}
