//go:build !linux

package sv

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// errElsewhere says that there are no packet sockets.
var errElsewhere = errors.New("live sampled values need Linux packet sockets: record a capture and play it with pcap:FILE")

type socket struct{}

func listen(name string) (*socket, error) { return nil, fmt.Errorf("sv:%s: %w", name, errElsewhere) }

func (*socket) next(context.Context) ([]byte, int64, error) { return nil, 0, errElsewhere }
func (*socket) drops() int64                                { return 0 }
func (*socket) close() error                                { return nil }

type sender struct{}

func dial(name string) (*sender, net.HardwareAddr, error) {
	return nil, nil, fmt.Errorf("sv:%s: %w", name, errElsewhere)
}

func (*sender) send([]byte) error { return errElsewhere }
func (*sender) close() error      { return nil }
