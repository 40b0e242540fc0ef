package ionp

import (
	"bytes"
	"context"
	"testing"
)

// A read of two registers by user name and password: request and reply encoded into
// frames, and each taken apart again down to its body.
func BenchmarkReadExchange(b *testing.B) {
	credential := NamedUser("USER1", "0")
	labels := []string{"Power Meter/kW tot", "Power Meter/Vll ab"}
	readings := []Reading{{labels[0], Number(12.375, "kW")}, {labels[1], NotAvailable(ValueNumber, "V")}}
	var stream bytes.Buffer
	w, r := NewWriter(&stream), NewReader(&stream)
	w.SetLargestFrame(LargestFrame)
	r.SetLimits(LargestFrame, DefaultMaxMessage)
	var request Request
	var reply Reply
	b.ReportAllocs()
	for b.Loop() {
		body, err := Read.EncodeRequest(ReadRequest{labels})
		check(b, err)
		check(b, w.Request(1, &Request{Operation: Read.Operation(), Credential: credential, Body: body}))
		check(b, w.Flush())
		m, err := r.Next()
		check(b, err)
		check(b, DecodeRequest(m.Bytes, &request))
		_, err = Read.DecodeRequest(request.Body)
		check(b, err)

		body, err = Read.EncodeReply(ReadReply{Sequence: 1, Time: 1767225600e9, Readings: readings})
		check(b, err)
		check(b, w.Reply(1, &Reply{Body: body}))
		check(b, w.Flush())
		m, err = r.Next()
		check(b, err)
		check(b, DecodeReply(m.Bytes, &reply))
		_, err = Read.DecodeReply(reply.Body)
		check(b, err)
	}
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}

// Reads of two registers over one TCP connection, alone and with 32 under way.
func BenchmarkClient(b *testing.B) {
	for _, bench := range []struct {
		name     string
		underway int
	}{{"alone", 1}, {"32 under way", 32}} {
		b.Run(bench.name, func(b *testing.B) {
			client, server := tcp(b)
			c := start(b, client, server, ClientOptions{}, echo)
			ctx := context.Background()
			_, err := c.Hello(ctx, HelloRequest{})
			check(b, err)
			req := ReadRequest{[]string{"Power Meter/kW tot", "Power Meter/Vll ab"}}
			who := Identity{Credential: NamedUser("USER1", "0")}
			left := make(chan struct{}, b.N)
			for range b.N {
				left <- struct{}{}
			}
			close(left)
			b.ReportAllocs()
			b.ResetTimer()
			done := make(chan error, bench.underway)
			for range bench.underway {
				go func() {
					for range left {
						if _, err := Do(ctx, c, who, Read, req); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
			}
			for range bench.underway {
				check(b, <-done)
			}
		})
	}
}
