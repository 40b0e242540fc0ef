package ionmodbus

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/ion-over-modbus.md")

const docsPath = "../../docs/ion-over-modbus.md"

// The page says what the code does.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for name, want := range map[string]string{
		"message":  messageTable(),
		"kinds":    kindTable(),
		"refusals": refusalTable(),
		"ladder":   ladderLine(),
		"examples": examples(t),
	} {
		mark := "<!-- generated: " + name + " -->\n"
		_, rest, found := strings.Cut(text, mark)
		got, _, ended := strings.Cut(rest, "<!-- end -->\n")
		switch {
		case !found || !ended:
			t.Fatalf("%s has no part %s that ends", docsPath, name)
		case *update:
			text = strings.Replace(text, mark+got, mark+want, 1)
		case got != want:
			t.Errorf("%s, %s, is not what the code says; run go test ./wire/ionmodbus -update\n%s", docsPath, name, cmp.Diff(want, got))
		}
	}
	if *update {
		if err := os.WriteFile(docsPath, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func messageTable() string {
	return fmt.Sprintf(`A message is a PDU of %d to %d bytes. Numbers have their high byte first.

| byte | what |
|---|---|
| 0 | the function, %d (0x%02X) |
| %d | how many bytes follow this one, the CRC-32C included |
| %d | the kind |
| %d to %d | the session |
| %d to %d | the sequence |
| %d and on | the payload, up to %d bytes |
| the last %d | the CRC-32C (Castagnoli) of all bytes before it |
`, Overhead, MaxPDU, Function, Function, countAt, kindAt, sessionAt, sequenceAt-1, sequenceAt, headLength-1, headLength, MaxPayload, checkLength)
}

func kindTable() string {
	return fmt.Sprintf(`| request | kind | sequence | payload | payload of the answer, whose kind is %d (0x%02X) more |
|---|---|---|---|---|
| Open | %d | 0 | the version of this protocol, %d | the same |
| Exchange | %d | that of the exchange | *room*, a byte: how long the answer may be as a PDU, %d to %d; then bytes of the stream | *room*, a byte; how many bytes were taken, a byte; then bytes of the stream |
| Probe | %d | any number | how long the answer is to be as a PDU, a byte; then zeros | zeros |
| Close | %d | 0 | none | none |
| any | | as asked | | of a Refused, kind %d (0x%02X): the reason, a byte |
`, Answer, byte(Answer), Open, Version, Exchange, SmallestPDU, MaxPDU, Probe, Close, Refused, byte(Refused))
}

func refusalTable() string {
	var b strings.Builder
	b.WriteString("| reason | why |\n|---|---|\n")
	for r := RefusedUnknown; r <= RefusedBad; r++ {
		fmt.Fprintf(&b, "| %d | %s |\n", r, r.Error())
	}
	return b.String()
}

func ladderLine() string {
	var list []string
	for _, n := range ladder {
		list = append(list, fmt.Sprint(n))
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1] + "\n"
}

// examples has a short session, as PDUs, and the first of them in the framings of Modbus. What the
// page shows is read back.
func examples(t *testing.T) string {
	t.Helper()
	a := newAsker(t, Options{})
	var b strings.Builder
	var begun *Conn
	const session = 0x5F3A9C01
	step := func(name string, m Message) {
		t.Helper()
		request := Append(nil, m)
		answer, conn, err := a.Answer(a.now, "host", request, nil)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s:\n\n```\nasked     %s\nanswered  %s\n```\n\n", name, spread(t, request), spread(t, answer))
		if conn != nil {
			begun = conn
		}
	}
	opening := Message{Kind: Open, Session: session, Payload: []byte{Version}}
	step("Open", opening)
	step("Probe for an answer of 57 bytes", Message{Kind: Probe, Session: session, Sequence: 1, Payload: []byte{SmallestPDU}})
	step("Exchange 1, with twelve bytes and room for the longest answer", Message{Kind: Exchange, Session: session, Sequence: 1, Payload: append([]byte{MaxPDU}, "twelve bytes"...)})
	if _, err := begun.Write([]byte("an answer")); err != nil {
		t.Fatal(err)
	}
	step("Exchange 2", Message{Kind: Exchange, Session: session, Sequence: 2, Payload: []byte{MaxPDU}})
	step("Exchange 2 once more: the answer was lost", Message{Kind: Exchange, Session: session, Sequence: 2, Payload: []byte{MaxPDU}})
	step("Close", Message{Kind: Close, Session: session})
	step("Exchange 3, which comes too late", Message{Kind: Exchange, Session: session, Sequence: 3, Payload: []byte{MaxPDU}})
	pdu := Append(nil, opening)
	tcp := append(modbus.BeginFrame(nil, modbus.Header{Transaction: 7, Unit: 255}), pdu...)
	modbus.EndFrame(tcp, 0)
	rtu := modbus.EndRTU(append(modbus.BeginRTU(nil, 100), pdu...), 0)
	fmt.Fprintf(&b, "The first request in Modbus TCP (transaction 7, unit 255) and in an RTU frame (unit 100):\n\n```\n% X\n% X\n```\n", tcp, rtu)
	if header, got := modbus.ParseHeader(tcp); header.Unit != 255 || !bytes.Equal(got, pdu) {
		t.Errorf("% X holds % X", tcp, got)
	}
	if unit, got, ok := modbus.ParseRTU(rtu); unit != 100 || !ok || !bytes.Equal(got, pdu) {
		t.Errorf("% X holds % X", rtu, got)
	}
	return b.String()
}

// spread writes a message with its parts apart, and proves that it reads as one.
func spread(t *testing.T, pdu []byte) string {
	t.Helper()
	end := len(pdu) - checkLength
	parts := [][]byte{pdu[:countAt], pdu[countAt:kindAt], pdu[kindAt:sessionAt], pdu[sessionAt:sequenceAt], pdu[sequenceAt:headLength], pdu[headLength:end], pdu[end:]}
	var text []string
	for _, p := range parts {
		if len(p) > 0 {
			text = append(text, strings.ToUpper(hex.EncodeToString(p)))
		}
	}
	line := strings.Join(text, " ")
	back, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(back); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	return line
}
