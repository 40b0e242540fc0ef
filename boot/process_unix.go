//go:build unix && !linux

package boot

import "syscall"

// dieWithParent is nothing: the firmware process sees that its boot stage is gone, and ends.
func dieWithParent() *syscall.SysProcAttr { return nil }
