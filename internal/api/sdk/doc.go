// Package sdk owns what the tools of DC/OS SDK services and Cosmos read: plans, pods, endpoints, configurations,
// properties and metrics, in the forms of dcos-commons; and the commands of those tools. It makes what they read of the
// published state.
package sdk

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// id makes the id of an element of what names it. It has the form of a UUID, and stays the same.
func id(names ...string) string {
	h := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // Version 8 and the variant of RFC 9562.
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
