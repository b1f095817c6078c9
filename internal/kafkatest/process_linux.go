package kafkatest

import "syscall"

var dieWithParent = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
