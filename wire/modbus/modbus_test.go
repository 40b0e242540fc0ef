package modbus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

var everything = FunctionSet(ReadCoils, ReadDiscreteInputs, ReadHoldingRegisters, ReadInputRegisters, WriteSingleCoil,
	WriteSingleRegister, WriteMultipleCoils, WriteMultipleRegisters, ReadWriteMultipleRegisters, EncapsulatedInterface)

// The examples printed in the specification V1.1b3, section 6, and the limits
// around them.
func TestParseRequest(t *testing.T) {
	for _, tc := range []struct {
		name string
		pdu  string
		want Request
		e    Exception
	}{
		{"6.1 read coils", "\x01\x00\x13\x00\x13", Request{Function: 1, Address: 19, Quantity: 19}, None},
		{"6.2 read discrete inputs", "\x02\x00\xC4\x00\x16", Request{Function: 2, Address: 196, Quantity: 22}, None},
		{"6.3 read holding registers", "\x03\x00\x6B\x00\x03", Request{Function: 3, Address: 107, Quantity: 3}, None},
		{"6.4 read input registers", "\x04\x00\x08\x00\x01", Request{Function: 4, Address: 8, Quantity: 1}, None},
		{"6.5 write single coil", "\x05\x00\xAC\xFF\x00", Request{Function: 5, Address: 172, Quantity: 1, Data: []byte{0xFF, 0}}, None},
		{"6.6 write single register", "\x06\x00\x01\x00\x03", Request{Function: 6, Address: 1, Quantity: 1, Data: []byte{0, 3}}, None},
		{"6.11 write multiple coils", "\x0F\x00\x13\x00\x0A\x02\xCD\x01", Request{Function: 15, Address: 19, Quantity: 10, Data: []byte{0xCD, 1}}, None},
		{"6.12 write multiple registers", "\x10\x00\x01\x00\x02\x04\x00\x0A\x01\x02", Request{Function: 16, Address: 1, Quantity: 2, Data: []byte{0, 0x0A, 1, 2}}, None},
		{"6.17 read/write multiple registers", "\x17\x00\x03\x00\x06\x00\x0E\x00\x03\x06\x00\xFF\x00\xFF\x00\xFF",
			Request{Function: 23, Address: 3, Quantity: 6, WriteAddress: 14, WriteQuantity: 3, Data: []byte{0, 0xFF, 0, 0xFF, 0, 0xFF}}, None},
		{"6.21 read device identification", "\x2B\x0E\x01\x00", Request{Function: 43, DeviceID: DeviceIDRequest{Code: 1}}, None},
		{"coils: 2000 are the most", "\x01\x00\x00\x07\xD0", Request{Function: 1, Quantity: 2000}, None},
		{"coils: 2001", "\x01\x00\x00\x07\xD1", Request{}, IllegalDataValue},
		{"coil value neither on nor off", "\x05\x00\xAC\xFF\x01", Request{}, IllegalDataValue},
		{"coil value 1", "\x05\x00\xAC\x01\x00", Request{}, IllegalDataValue},
		{"coils: spare byte", "\x0F\x00\x13\x00\x08\x02\xCD\x01", Request{}, IllegalDataValue},
		{"registers: 123 are the most", "\x10\x00\x00\x00\x7B\xF6" + strings.Repeat("x", 246), Request{Function: 16, Quantity: 123, Data: []byte(strings.Repeat("x", 246))}, None},
		{"registers: 124", "\x10\x00\x00\x00\x7C\xF8" + strings.Repeat("x", 248), Request{}, IllegalDataValue},
		{"registers: last", "\x03\xFF\x83\x00\x7D", Request{Function: 3, Address: 65411, Quantity: 125}, None},
		{"registers: one past the last", "\x03\xFF\x84\x00\x7D", Request{}, IllegalDataAddress},
		{"empty", "", Request{}, IllegalFunction},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, e := ParseRequest([]byte(tc.pdu), everything)
			if e != tc.e {
				t.Fatalf("%v, want %v", e, tc.e)
			}
			data, wantData := got.Data, tc.want.Data
			got.Data, tc.want.Data = nil, nil
			if e == None && (got.Function != tc.want.Function || got.Address != tc.want.Address || got.Quantity != tc.want.Quantity ||
				got.WriteAddress != tc.want.WriteAddress || got.WriteQuantity != tc.want.WriteQuantity || got.DeviceID != tc.want.DeviceID || !bytes.Equal(data, wantData)) {
				t.Errorf("%+v % X, want %+v % X", got, data, tc.want, wantData)
			}
			if e == None {
				// The same request cut anywhere, or with a byte more, is refused and never read past its end.
				for n := range len(tc.pdu) {
					if _, e := ParseRequest([]byte(tc.pdu)[:n:n], everything); e == None {
						t.Errorf("%d of %d bytes are accepted", n, len(tc.pdu))
					}
				}
				if _, e := ParseRequest([]byte(tc.pdu+"\x00"), everything); e == None {
					t.Error("a byte too many is accepted")
				}
			}
		})
	}
}

func TestUnsupportedFunctionsComeFirst(t *testing.T) {
	if _, e := ParseRequest([]byte{1, 0, 0, 0, 0}, FunctionSet(ReadHoldingRegisters)); e != IllegalFunction {
		t.Errorf("%v, want exception 1 before the quantity is looked at", e)
	}
	for f := range 256 {
		if Functions(0).Has(Function(f)) {
			t.Errorf("the empty set has %d", f)
		}
	}
}

func TestFrameLength(t *testing.T) {
	for _, tc := range []struct {
		bytes string
		want  int
		err   bool
	}{
		{"", 0, false},
		{"\x00\x01\x00\x00\x00", 0, false},
		{"\x00\x01\x00\x00\x00\x06", 12, false},
		{"\x00\x01\x00\x00\x00\x02", 8, false},
		{"\x00\x01\x00\x00\x00\xFE", MaxFrame, false},
		{"\x00\x01\x00\x00\x00\xFF", 0, true},
		{"\x00\x01\x00\x00\x00\x01", 0, true},
		{"\x00\x01\x00\x00\x00\x00", 0, true},
		{"\x00\x01\x00\x00\xFF\xFF", 0, true},
	} {
		n, err := FrameLength([]byte(tc.bytes))
		var length LengthError
		if n != tc.want || errors.As(err, &length) != tc.err {
			t.Errorf("% X: %d, %v; want %d, error %v", tc.bytes, n, err, tc.want, tc.err)
		}
	}
	if n, err := RequestLength([]byte("\x00\x01\x00\x00\x00\xFF")); n != MaxFrame+1 || err != nil {
		t.Errorf("a request one byte too long: %d, %v", n, err)
	}
	if _, err := RequestLength([]byte("\x00\x01\x00\x00\x01\x0B")); err == nil {
		t.Error("a request longer than any byte count can say is taken for a frame")
	}
}

// Whatever can be built can be read back.
func TestRequestsRoundTrip(t *testing.T) {
	for _, pdu := range [][]byte{
		AppendReadRequest(nil, ReadHoldingRegisters, 2999, 112),
		AppendWriteSingleRequest(nil, 54394, 1),
		AppendWriteRequest(nil, 58001, []uint16{0, 10000}),
		AppendReadWriteRequest(nil, 2999, 2, 58001, []uint16{0, 10000}),
		AppendDeviceIDRequest(nil, DeviceIDRequest{Code: 4, Object: 0x80}),
	} {
		if r, e := ParseRequest(pdu, everything); e != None || r.Function != Function(pdu[0]) {
			t.Errorf("% X: %+v, %v", pdu, r, e)
		}
	}
	frame := append(BeginFrame(nil, Header{Transaction: 0xBEEF, Unit: 7}), AppendReadRequest(nil, ReadHoldingRegisters, 2999, 112)...)
	EndFrame(frame, 0)
	if want := []byte("\xBE\xEF\x00\x00\x00\x06\x07\x03\x0B\xB7\x00\x70"); !bytes.Equal(frame, want) {
		t.Errorf("% X, want % X", frame, want)
	}
}

// Section 6.21: what fits, and where to go on.
func TestDeviceIDSplits(t *testing.T) {
	objects := []DeviceIDObject{{0, strings.Repeat("a", 300)}, {1, "b"}, {2, strings.Repeat("c", 243)}, {6, "d"}, {0x80, "e"}}
	for _, tc := range []struct {
		name string
		r    DeviceIDRequest
		ids  []byte
		more bool
		next byte
	}{
		{"basic: the first fills the response", DeviceIDRequest{1, 0}, []byte{0}, true, 1},
		{"basic: goes on", DeviceIDRequest{1, 1}, []byte{1}, true, 2},
		{"basic: ends before the regular objects", DeviceIDRequest{1, 2}, []byte{2}, false, 0},
		{"regular", DeviceIDRequest{2, 6}, []byte{6}, false, 0},
		{"extended", DeviceIDRequest{3, 6}, []byte{6, 0x80}, false, 0},
		{"basic from an extended object starts over", DeviceIDRequest{1, 0x80}, []byte{0}, true, 1},
		{"one", DeviceIDRequest{4, 0x80}, []byte{0x80}, false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pdu, e := AppendDeviceID(nil, tc.r, objects)
			if e != None || len(pdu) > MaxPDU {
				t.Fatalf("%d bytes, %v", len(pdu), e)
			}
			got, err := ParseDeviceID(pdu)
			if err != nil {
				t.Fatal(err)
			}
			var ids []byte
			for _, o := range got.Objects {
				ids = append(ids, o.ID)
			}
			if !bytes.Equal(ids, tc.ids) || got.More != tc.more || got.Next != tc.next || got.Conformity != 0x83 {
				t.Errorf("%+v, want objects % X, more %v, next %X", got, tc.ids, tc.more, tc.next)
			}
		})
	}
	if _, e := AppendDeviceID(nil, DeviceIDRequest{4, 5}, objects); e != IllegalDataAddress {
		t.Errorf("an object that is not there: %v, want exception 2", e)
	}
}

func TestParseResponses(t *testing.T) {
	if words, err := ParseReadResponse([]byte("\x03\x04\x43\x66\x40\x00"), ReadHoldingRegisters, 2); err != nil || words[0] != 0x4366 || words[1] != 0x4000 {
		t.Errorf("%X, %v", words, err)
	}
	var e Exception
	if _, err := ParseReadResponse([]byte("\x83\x02"), ReadHoldingRegisters, 2); !errors.As(err, &e) || e != IllegalDataAddress {
		t.Errorf("%v, want exception 2", err)
	}
	for _, bad := range []string{"", "\x03", "\x03\x04\x00\x00", "\x04\x04\x00\x00\x00\x00", "\x83", "\x83\x00", "\x03\x02\x00\x00\x00\x00"} {
		if _, err := ParseReadResponse([]byte(bad), ReadHoldingRegisters, 2); !errors.Is(err, ErrResponse) {
			t.Errorf("% X: %v, want ErrResponse", bad, err)
		}
	}
	for _, bad := range []string{"\x2B\x0E\x01\x83\x00\x00\x01", "\x2B\x0E\x01\x83\x00\x00\x01\x00\x05ab", "\x2B\x0E\x01\x83\x00\x00\x00x"} {
		if _, err := ParseDeviceID([]byte(bad)); !errors.Is(err, ErrResponse) {
			t.Errorf("% X: %v, want ErrResponse", bad, err)
		}
	}
}

// The client believes no answer that is not to its request.
func TestClient(t *testing.T) {
	for _, tc := range []struct {
		name, answer string
		want         error
	}{
		{"right", "\x00\x01\x00\x00\x00\x05\x09\x03\x02\x12\x34", nil},
		{"exception", "\x00\x01\x00\x00\x00\x03\x09\x83\x0B", GatewayTargetNoResponse},
		{"another transaction", "\x00\x02\x00\x00\x00\x05\x09\x03\x02\x12\x34", ErrResponse},
		{"another unit", "\x00\x01\x00\x00\x00\x05\x08\x03\x02\x12\x34", ErrResponse},
		{"cut", "\x00\x01\x00\x00\x00\x05\x09\x03", io.ErrUnexpectedEOF},
		{"impossible length", "\x00\x01\x00\x00\xFF\xFF\x09\x03", LengthError(0xFFFF)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			go func() {
				defer there.Close()
				request := make([]byte, 12)
				if _, err := io.ReadFull(there, request); err == nil {
					_, _ = there.Write([]byte(tc.answer))
				}
			}()
			words, err := NewClient(here, 9).ReadRegisters(100, 1)
			if !errors.Is(err, tc.want) || (err == nil && words[0] != 0x1234) {
				t.Errorf("%X, %v; want %v", words, err, tc.want)
			}
		})
	}
}

func TestExceptionsInWords(t *testing.T) {
	for e := range 256 {
		if Exception(e).Error() == "" {
			t.Errorf("exception %d has no words", e)
		}
	}
}

func TestParsingAllocatesNothing(t *testing.T) {
	frame := []byte("\x00\x01\x00\x00\x00\x06\x01\x03\x0B\xB7\x00\x70")
	out := make([]byte, 0, MaxFrame)
	if n := testing.AllocsPerRun(100, func() {
		h, pdu := ParseHeader(frame)
		r, _ := ParseRequest(pdu, everything)
		out = AppendReadHead(BeginFrame(out[:0], h), r.Function, 0)
		EndFrame(out, 0)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, s := range []string{"\x03\x00\x6B\x00\x03", "\x10\x00\x01\x00\x02\x04\x00\x0A\x01\x02", "\x17\x00\x03\x00\x06\x00\x0E\x00\x03\x06\x00\xFF\x00\xFF\x00\xFF", "\x2B\x0E\x01\x00", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, pdu []byte) {
		r, e := ParseRequest(pdu, everything)
		if e != None {
			if e > IllegalDataValue {
				t.Fatalf("form errors are exceptions 1 to 3, not %v", e)
			}
			return
		}
		if r.Function != EncapsulatedInterface && (r.Quantity < 1 || r.Address+r.Quantity > addressSpace) {
			t.Fatalf("%+v lets a read out of the address space", r)
		}
		if r.WriteAddress+r.WriteQuantity > addressSpace {
			t.Fatalf("%+v lets a write out of the address space", r)
		}
		switch r.Function {
		case WriteMultipleRegisters:
			if len(r.Data) != 2*r.Quantity {
				t.Fatalf("%+v: data does not fit", r)
			}
		case ReadWriteMultipleRegisters:
			if len(r.Data) != 2*r.WriteQuantity {
				t.Fatalf("%+v: data does not fit", r)
			}
		}
	})
}

// Cutting a stream into frames ends, and puts the stream together again.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x00\x00\x06\x01\x03\x0B\xB7\x00\x70\x00\x02\x00\x00\x00\x06\x01\x03\x0B\xB7\x00\x70"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		for rest := stream; ; {
			n, err := FrameLength(rest)
			if err != nil || n == 0 || n > len(rest) {
				return
			}
			h, pdu := ParseHeader(rest[:n])
			again := append(BeginFrame(nil, h), pdu...)
			EndFrame(again, 0)
			if !bytes.Equal(again, rest[:n]) || binary.BigEndian.Uint16(rest[4:]) != uint16(n-6) {
				t.Fatalf("% X became % X", rest[:n], again)
			}
			rest = rest[n:]
		}
	})
}

// Foreign bytes never break the client side.
func FuzzParseResponse(f *testing.F) {
	f.Add([]byte("\x2B\x0E\x01\x83\x00\x00\x01\x00\x02ab"))
	f.Add([]byte("\x03\x04\x43\x66\x40\x00"))
	f.Fuzz(func(t *testing.T, pdu []byte) {
		if words, err := ParseReadResponse(pdu, ReadHoldingRegisters, 2); err == nil && len(words) != 2 {
			t.Fatalf("%d words", len(words))
		}
		if r, err := ParseDeviceID(pdu); err == nil && len(r.Objects) != int(pdu[6]) {
			t.Fatalf("%d objects of %d", len(r.Objects), pdu[6])
		}
	})
}
