//go:build !linux

package modbus

import (
	"context"
	"errors"
	"net"
	"sync"
)

// loop exists on Linux alone; elsewhere each connection has its own goroutine.
type loop struct{}

func (s *Server) newLoop(context.Context, *sync.WaitGroup, *writers) (*loop, error) {
	return nil, errors.ErrUnsupported
}

func (*loop) take(net.Conn) bool { return false }
