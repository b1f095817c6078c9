package kafkatest

import (
	"os/exec"
	"runtime"
)

// process is a child that ends when this process does.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has ended; cmd.ProcessState is set then
}

// startProcess needs a thread for as long as the child lives: Linux sends the parent-death signal when the thread that started the child
// ends, not when the process does, and Go ends threads as it likes. So the goroutine that starts and awaits the child keeps its thread.
func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = dieWithParent
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}
