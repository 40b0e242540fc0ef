package syslog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// Limits of time for what a server may take its time with.
const (
	dialTime  = 10 * time.Second
	writeTime = 10 * time.Second
	closeTime = 2 * time.Second
)

// link is a connection to a server. UDP has one, too: it tells when the server's machine
// says that nobody listens.
type link struct {
	conn   net.Conn // what is written to
	socket net.Conn // below TLS
	udp    bool
	now    func() time.Time
	after  func(time.Duration) <-chan time.Time
	// ended gets why the connection can be used no more, once.
	ended chan error
}

// connect connects to a server, and lets no server pass that TLS does not find right.
func (s *Sender) connect(ctx context.Context, to access.ForwardTarget) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	network := "tcp"
	if to.Transport == "UDP" {
		network = "udp"
	}
	socket, err := s.options.Dial(ctx, network, to.Address())
	if err != nil {
		return nil, err
	}
	l := &link{conn: socket, socket: socket, udp: network == "udp", now: s.options.Now, after: s.options.After, ended: make(chan error, 1)}
	if to.Transport == "TLS" {
		config, err := s.trust(to.Server)
		if err != nil {
			return nil, errors.Join(err, socket.Close())
		}
		secured := tls.Client(socket, config)
		if err := secured.HandshakeContext(ctx); err != nil {
			socket.Close()
			if wrong := (*tls.CertificateVerificationError)(nil); errors.As(err, &wrong) {
				return nil, fmt.Errorf("the server's certificate is not accepted, and nothing was sent: %w; put the certificate of who issued it, as PEM, into the meter's file %s", wrong.Err, access.SyslogAuthorities)
			}
			return nil, fmt.Errorf("TLS: %w", err)
		}
		l.conn = secured
	}
	go l.listen()
	return l, nil
}

// trust says which servers TLS takes: those certified by an authority of the system, or by
// one of the owner's file (RFC 5425 4.2.1, 5.2).
func (s *Sender) trust(server string) (*tls.Config, error) {
	roots, err := s.options.Roots()
	if err != nil || roots == nil {
		roots = x509.NewCertPool() // a machine without any: the owner's file remains
	}
	own, err := s.forward.Authorities()
	if err != nil {
		return nil, err
	}
	if own != nil && !roots.AppendCertsFromPEM(own) {
		return nil, fmt.Errorf("the meter's file %s holds no certificate as PEM", access.SyslogAuthorities)
	}
	return &tls.Config{RootCAs: roots, ServerName: server, MinVersion: tls.VersionTLS12, Time: s.options.Now}, nil
}

// listen waits for the end of the connection: servers of syslog say nothing.
func (l *link) listen() {
	silence := make([]byte, 512)
	for {
		if _, err := l.conn.Read(silence); err != nil {
			l.ended <- err
			return
		}
	}
}

// limit is the length of a message that the transport takes, in octets.
func (l *link) limit() int {
	if l.udp {
		return maxDatagram
	}
	return maxStream
}

// write sends a message: a datagram, or by octet counting (RFC 6587 3.4.1, RFC 5425 4.3).
func (l *link) write(message []byte) error {
	if !l.udp {
		message = append(append(strconv.AppendInt(nil, int64(len(message)), 10), ' '), message...)
	}
	if err := l.conn.SetWriteDeadline(l.now().Add(writeTime)); err != nil {
		return err
	}
	_, err := l.conn.Write(message)
	return err
}

// pending is how much of what was written the server's machine has not acknowledged, in
// octets; 0 where that cannot be told.
func (l *link) pending() int {
	if l.udp {
		return 0
	}
	return unacknowledged(l.socket)
}

// finish ends the connection in order, and reports whether the server has taken all that
// was written: it then closes its side without complaint.
func (l *link) finish() error {
	select {
	case err := <-l.ended:
		l.ended <- err
		return endOf(err)
	default:
	}
	if l.udp {
		return nil
	}
	if err := l.conn.SetWriteDeadline(l.now().Add(closeTime)); err != nil {
		return err
	}
	for _, c := range []net.Conn{l.conn, l.socket} {
		half, ok := c.(interface{ CloseWrite() error })
		if !ok {
			return errors.New("the connection cannot be closed in order")
		}
		if err := half.CloseWrite(); err != nil {
			return err
		}
		if l.conn == l.socket {
			break
		}
	}
	select {
	case err := <-l.ended:
		l.ended <- err
		// A server that does not end TLS in order has still read up to the end of TCP.
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		return err
	case <-l.after(closeTime):
		return errors.New("the server does not close the connection")
	}
}

// close ends the connection at once.
func (l *link) close() {
	l.conn.Close()
	<-l.ended
}

// endOf says in words why a connection has ended.
func endOf(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the server has closed the connection")
	}
	return err
}
