// Hepsetup is the setup tool: it reads and changes power meters over their object
// protocol, looks after users, security, templates and logs, and says why a meter refuses.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// toolVersion is the version of this build; release builds set it with
// -ldflags "-X main.toolVersion=V".
var toolVersion = "3.0.0"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := newApp(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
