//go:build !linux

package runtime

import "errors"

// clone cannot share content here.
func (x *extraction) clone(string, fileEntry) (bool, error) { return false, nil }

// linkFrom cannot link safely here.
func (x *extraction) linkFrom(string, fileEntry) error { return errors.ErrUnsupported }
