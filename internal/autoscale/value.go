package autoscale

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Value is a measured or derived number that may be unknown. The zero Value is unknown. A known
// Value may be infinite: a vertex that processes nothing has an infinite true processing rate.
//
// In JSON it is a number, or "Infinity" or "-Infinity"; an unknown Value is left out by
// omitzero and written as null elsewhere. Flink's "NaN" is read as unknown.
type Value struct {
	number float64
	known  bool
}

// Of returns a known Value, or an unknown one for NaN.
func Of(f float64) Value {
	if math.IsNaN(f) {
		return Value{}
	}
	return Value{number: f, known: true}
}

// Float returns the number, or NaN for an unknown Value.
func (v Value) Float() float64 {
	if !v.known {
		return math.NaN()
	}
	return v.number
}

// Known says that the Value is a number; it may be infinite.
func (v Value) Known() bool { return v.known }

// Finite says that the Value is a finite number.
func (v Value) Finite() bool { return v.known && !math.IsInf(v.number, 0) }

// IsZero says that the Value is unknown, so that the JSON option omitzero leaves it out.
func (v Value) IsZero() bool { return !v.known }

// Equal compares two Values; unknown Values are equal to each other.
func (v Value) Equal(w Value) bool { return v == w }

// Or returns the number, or other for an unknown Value.
func (v Value) Or(other float64) float64 {
	if !v.known {
		return other
	}
	return v.number
}

// String writes the shortest number that is read back the same.
func (v Value) String() string {
	switch {
	case !v.known:
		return "unknown"
	case math.IsInf(v.number, 1):
		return "Infinity"
	case math.IsInf(v.number, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(v.number, 'f', -1, 64)
}

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) {
	switch {
	case !v.known:
		return []byte("null"), nil
	case math.IsInf(v.number, 0):
		return []byte(`"` + v.String() + `"`), nil
	}
	return json.Marshal(v.number)
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Value) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	if text == "null" {
		*v = Value{}
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%s is not a number", data)
	}
	*v = Of(f)
	return nil
}

// round3 rounds to three decimals, half away from zero, on the decimal digits of the number as
// the operator does (ScalingMetrics.roundMetric). A number that would become 0 stays as it is.
func round3(f float64) float64 {
	if r := decimals(f, 3, '5'); r != 0 {
		return r
	}
	return f
}

// ceil2 and ceil3 round a number of 0 or more up to two or three decimals on its digits.
func ceil2(f float64) float64 { return decimals(f, 2, '0') }
func ceil3(f float64) float64 { return decimals(f, 3, '0') }

// decimals cuts f after n decimals, at most three. It rounds away from zero where the first digit
// that is cut off is at least up.
func decimals(f float64, n int, up byte) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) || math.Abs(f) >= 1<<43 {
		return f // From 2^43 on a float64 has no more than three decimals.
	}
	var buffer [64]byte
	digits := strconv.AppendFloat(buffer[:0], math.Abs(f), 'f', -1, 64)
	point := bytes.IndexByte(digits, '.')
	if point < 0 || len(digits) <= point+n+1 {
		return f
	}
	var whole int64
	for i, d := range digits[:point+n+1] {
		if i != point {
			whole = whole*10 + int64(d-'0')
		}
	}
	if digits[point+n+1] >= up {
		whole++
	}
	return math.Copysign(float64(whole)/math.Pow10(n), f)
}

// roundWhole rounds to a whole number as Java's Math.round does: half up, also below zero.
func roundWhole(f float64) float64 {
	switch {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return math.Floor(f + 0.5)
}

// toInt cuts a number to an int as Java's cast does: 0 for NaN, the nearest int32 beyond it.
func toInt(f float64) int {
	switch {
	case math.IsNaN(f):
		return 0
	case f >= math.MaxInt32:
		return math.MaxInt32
	case f <= math.MinInt32:
		return math.MinInt32
	}
	return int(f)
}
