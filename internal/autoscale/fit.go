package autoscale

import (
	"maps"
	"math"
	"slices"

	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// fit lowers the wanted parallelism to what the quotas and the room for TaskManagers allow, and
// says what limits it. Vertices that get more are lowered one subtask at a time, in the slot
// sharing group with the largest increase first; the others stay as they are wanted.
func fit(o settings.Options, t topology, in Inputs, size TaskManagerSize, wanted map[string]int, r *Result) map[string]int {
	now := t.parallelism()
	slots := max(1, size.Slots)
	managers := func(parallelism map[string]int) int {
		return (t.slots(parallelism) + in.OtherSlots + slots - 1) / slots
	}
	need, have := managers(wanted), managers(now)
	if need <= have {
		return wanted
	}
	most := math.MaxInt
	limit := func(n float64, reason Reason) {
		if n >= float64(need) {
			return
		}
		reason.Actual, reason.Limit = Of(float64(need)), Of(n)
		r.say(reason)
		most = min(most, toInt(n))
	}
	if o.Quota.CPUs > 0 && size.CPUs > 0 {
		limit(math.Floor(o.Quota.CPUs/size.CPUs), Reason{Code: QuotaCPUs, Option: settings.Prefix + "quota.cpu"})
	}
	if o.Quota.Memory > 0 && size.Memory > 0 {
		limit(float64(int64(o.Quota.Memory)/size.Memory), Reason{Code: QuotaMemory, Option: settings.Prefix + "quota.memory"})
	}
	if in.RoomKnown {
		limit(float64(in.Room), Reason{Code: NoRoom})
	}
	fits := maps.Clone(wanted)
	for managers(fits) > max(most, have) && lower(t, now, fits) {
	}
	return fits
}

// lower takes one subtask from the vertices of the group with the largest increase. It returns
// false when no vertex has an increase.
func lower(t topology, now, fits map[string]int) bool {
	before, after := t.slotsByGroup(now), t.slotsByGroup(fits)
	group, increase := "", 0
	for _, g := range slices.Sorted(maps.Keys(after)) {
		if n := after[g] - before[g]; n > increase {
			group, increase = g, n
		}
	}
	if increase == 0 {
		return false
	}
	for id, v := range t.vertices {
		if v.SlotSharingGroup == group && fits[id] == after[group] {
			fits[id] = max(now[id], fits[id]-1)
		}
	}
	return true
}
