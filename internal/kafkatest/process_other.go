//go:build !linux

package kafkatest

import "syscall"

// dieWithParent: only Linux can. Elsewhere a killed test binary leaves its Kafka behind.
var dieWithParent *syscall.SysProcAttr
