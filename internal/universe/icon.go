package universe

import (
	"image"
	"image/color"
	"math"
)

// IconSizes are the edges of the icons in pixels: small, medium and large.
func IconSizes() []int { return []int{48, 128, 256} }

// Icon draws the package's icon: streams that run together into the cells of a cluster. All is drawn in a square
// of 1 by 1 and sampled, so that the same program always gives the same pixels.
func Icon(size int) image.Image {
	const samples = 5 // In each direction, for smooth edges.
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			var sum [4]float64
			for i := range samples * samples {
				u := (float64(x) + (float64(i%samples)+0.5)/samples) / float64(size)
				v := (float64(y) + (float64(i/samples)+0.5)/samples) / float64(size)
				c := paint(u, v)
				for k := range 3 {
					sum[k] += c[k] * c[3]
				}
				sum[3] += c[3]
			}
			if sum[3] == 0 {
				continue
			}
			level := func(k int) uint8 { return uint8(math.Round(sum[k] / sum[3] * 255)) }
			img.SetNRGBA(x, y, color.NRGBA{level(0), level(1), level(2), uint8(math.Round(sum[3] / (samples * samples) * 255))})
		}
	}
	return img
}

// paint is the colour of a point: red, green, blue and opacity, each from 0 to 1.
func paint(x, y float64) [4]float64 {
	if roundBox(x-0.5, y-0.5, 0.48, 0.11) > 0 {
		return [4]float64{}
	}
	back := [4]float64{0.10 + 0.06*y, 0.12 + 0.05*(1-y), 0.27 + 0.10*(1-y), 1}
	streams := []struct {
		from  float64
		color [4]float64
	}{
		{0.23, [4]float64{0.98, 0.55, 0.25, 1}},
		{0.50, [4]float64{0.95, 0.32, 0.45, 1}},
		{0.77, [4]float64{0.42, 0.68, 0.98, 1}},
	}
	for row, s := range streams {
		for column := range 2 {
			cx, cy := 0.64+0.19*float64(column), 0.31+0.19*float64(row)
			if roundBox(x-cx, y-cy, 0.073, 0.02) <= 0 {
				c := s.color
				if column == 1 { // The second column is farther down the stream.
					for k := range 3 {
						c[k] = 0.72*c[k] + 0.28
					}
				}
				return c
			}
		}
		if x >= 0.09 && x <= 0.54 && away(x, y, s.from, 0.31+0.19*float64(row)) <= 0.031 {
			return s.color
		}
	}
	return back
}

// stream is the height of a stream at x: it swings from one level to another and comes to rest there.
func stream(x, from, to float64) float64 {
	t := math.Min(1, math.Max(0, (x-0.09)/0.40))
	ease := t * t * (3 - 2*t)
	return from + (to-from)*ease + 0.035*math.Sin(t*3*math.Pi)*(1-t)
}

// away is the distance of a point from a stream, which is as wide where it falls as where it rests.
func away(x, y, from, to float64) float64 {
	const step = 1e-4
	slope := (stream(x+step, from, to) - stream(x-step, from, to)) / (2 * step)
	return math.Abs(y-stream(x, from, to)) / math.Hypot(1, slope)
}

// roundBox is the distance of a point from a square with round corners around the origin; negative inside.
func roundBox(x, y, half, radius float64) float64 {
	dx, dy := math.Abs(x)-half+radius, math.Abs(y)-half+radius
	return math.Hypot(math.Max(dx, 0), math.Max(dy, 0)) + math.Min(math.Max(dx, dy), 0) - radius
}
