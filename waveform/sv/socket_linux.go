package sv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The ring: blocks of frames that the kernel fills and gives up when they are full or
// their time is over (packet_mmap(7), TPACKET_V3). 4 MiB hold more than 3 s of a stream
// of 4,800 frames a second.
const (
	ringBlock   = 1 << 18
	ringBlocks  = 16
	ringFrame   = 1 << 11
	ringTimeout = 8 // ms until a block that is not full is given up
)

// idleTime is how long next waits for a frame.
const idleTime = 100 * time.Millisecond

// socket receives the sampled values of an interface.
type socket struct {
	file *os.File
	raw  interface {
		Read(func(fd uintptr) bool) error
	}
	fd   int
	name string
	ring []byte
	// block is the one to read next; left are the frames in it that are not read yet, the
	// next of which is at.
	block int
	left  uint32
	at    int
	open  bool // block is ours
}

// openPacket opens a packet socket, which receives nothing until it is bound to a
// protocol.
func openPacket(name string) (*os.File, *net.Interface, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, nil, fmt.Errorf("sv:%s: %w: `ip link` lists the interfaces", name, err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, nil, fmt.Errorf("sv:%s: %w: reading and sending frames needs the capability CAP_NET_RAW: run as root, or `setcap cap_net_raw+ep` the program", name, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("sv:%s: packet socket: %w", name, err)
	}
	return os.NewFile(uintptr(fd), "sv:"+name), i, nil
}

func bigEndian(v uint16) uint16 { return v<<8 | v>>8 }

func listen(name string) (*socket, error) {
	file, i, err := openPacket(name)
	if err != nil {
		return nil, err
	}
	s := &socket{file: file, name: name}
	if err := s.setUp(i); err != nil {
		file.Close()
		return nil, fmt.Errorf("sv:%s: %w", name, err)
	}
	return s, nil
}

func (s *socket) setUp(i *net.Interface) error {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	s.raw = raw
	var inner error
	err = raw.Control(func(fd uintptr) {
		s.fd = int(fd)
		inner = s.configure(i)
	})
	return errors.Join(err, inner)
}

func (s *socket) configure(i *net.Interface) error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return fmt.Errorf("packet ring: %w", err)
	}
	request := unix.TpacketReq3{Block_size: ringBlock, Block_nr: ringBlocks, Frame_size: ringFrame,
		Frame_nr: ringBlocks * ringBlock / ringFrame, Retire_blk_tov: ringTimeout}
	if err := unix.SetsockoptTpacketReq3(s.fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		return fmt.Errorf("packet ring: %w", err)
	}
	ring, err := unix.Mmap(s.fd, 0, ringBlock*ringBlocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("packet ring: %w", err)
	}
	s.ring = ring
	// Frames go to group addresses that only a switch's configuration knows.
	member := unix.PacketMreq{Ifindex: int32(i.Index), Type: unix.PACKET_MR_ALLMULTI}
	if err := unix.SetsockoptPacketMreq(s.fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &member); err != nil {
		return fmt.Errorf("join all groups: %w", err)
	}
	if err := unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: bigEndian(etherTypeSV), Ifindex: i.Index}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return nil
}

// header is what the kernel writes at the head of a block: struct tpacket_block_desc
// with tpacket_hdr_v1.
func (s *socket) header() *unix.TpacketHdrV1 {
	const descriptor = 8 // version and offset
	return (*unix.TpacketHdrV1)(unsafe.Pointer(&s.ring[s.block*ringBlock+descriptor]))
}

// next returns the next frame, valid until the next call; errIdle if none comes for a
// while.
func (s *socket) next(ctx context.Context) ([]byte, int64, error) {
	for s.left == 0 {
		if s.open {
			atomic.StoreUint32(&s.header().Block_status, unix.TP_STATUS_KERNEL)
			s.block, s.open = (s.block+1)%ringBlocks, false
		}
		if err := s.wait(ctx); err != nil {
			return nil, 0, err
		}
		h := s.header()
		s.open, s.left, s.at = true, h.Num_pkts, s.block*ringBlock+int(h.Offset_to_first_pkt)
	}
	h := (*unix.Tpacket3Hdr)(unsafe.Pointer(&s.ring[s.at]))
	begin := s.at + int(h.Mac)
	frame := s.ring[begin : begin+int(h.Snaplen)]
	timeNS := int64(h.Sec)*1e9 + int64(h.Nsec)
	s.at += int(h.Next_offset)
	s.left--
	return frame, timeNS, nil
}

// wait waits until the next block is ours.
func (s *socket) wait(ctx context.Context) error {
	ready := func(uintptr) bool { return atomic.LoadUint32(&s.header().Block_status)&unix.TP_STATUS_USER != 0 }
	if ready(0) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.file.SetReadDeadline(time.Now().Add(idleTime)); err != nil {
		return fmt.Errorf("sv:%s: %w", s.name, err)
	}
	err := s.raw.Read(ready)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errIdle
	}
	if err != nil {
		return fmt.Errorf("sv:%s: %w", s.name, err)
	}
	return nil
}

// drops returns the frames that found the ring full since the last call.
func (s *socket) drops() int64 {
	stats, err := unix.GetsockoptTpacketStatsV3(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0
	}
	return int64(stats.Drops)
}

func (s *socket) close() error {
	err := s.file.Close()
	if s.ring != nil {
		err = errors.Join(err, unix.Munmap(s.ring))
		s.ring = nil
	}
	return err
}

// sender sends frames to an interface.
type sender struct{ file *os.File }

func dial(name string) (*sender, net.HardwareAddr, error) {
	file, i, err := openPacket(name)
	if err != nil {
		return nil, nil, err
	}
	raw, err := file.SyscallConn()
	if err == nil {
		var inner error
		err = raw.Control(func(fd uintptr) {
			inner = unix.Bind(int(fd), &unix.SockaddrLinklayer{Ifindex: i.Index})
		})
		err = errors.Join(err, inner)
	}
	if err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("sv:%s: bind: %w", name, err)
	}
	address := i.HardwareAddr
	if len(address) != 6 {
		address = nil // the loopback has none
	}
	return &sender{file}, address, nil
}

func (s *sender) send(frame []byte) error {
	if _, err := s.file.Write(frame); err != nil {
		return fmt.Errorf("send to %s: %w", s.file.Name(), err)
	}
	return nil
}

func (s *sender) close() error { return s.file.Close() }
