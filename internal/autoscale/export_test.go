package autoscale

// Round3 is what metrics are rounded by.
var Round3 = round3
