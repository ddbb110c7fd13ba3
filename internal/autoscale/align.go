package autoscale

import (
	"github.com/flink-on-mesos/flink-service/internal/autoscale/settings"
)

// align looks from the wanted parallelism upwards for one that suits n partitions or key groups:
// to limit when it is more than current, else to current. It keeps wanted when there is none,
// so an alignment never prevents a step.
func align(a settings.Alignment, wanted, current, n, limit int) int {
	if a == settings.AlignOff {
		return wanted
	}
	end := min(n, limit)
	if wanted <= current {
		end = min(end, current)
	}
	for p := wanted; p <= end; p++ {
		if n%p == 0 || a == settings.AlignBalanced && n/p < n/wanted {
			return p
		}
	}
	return wanted
}
