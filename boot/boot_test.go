package boot

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPorts(t *testing.T) {
	dev, err := PortsByName("dev")
	if err != nil {
		t.Fatal(err)
	}
	standard, err := PortsByName("standard")
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[Service][2]int{HTTP: {8080, 80}, HTTPS: {8443, 443}, Modbus: {5020, 502}, ModbusRTUTCP: {7701, 7701}, ION: {7700, 7700}, SSH: {2222, 22}, EtherGate1: {7801, 7801}, EtherGate2: {7802, 7802}} {
		if got := [2]int{dev[s], standard[s]}; got != want {
			t.Errorf("%s: ports %v, want %v", s, got, want)
		}
	}
	if _, err := PortsByName("prod"); err == nil || !strings.Contains(err.Error(), "dev or standard") {
		t.Errorf("unknown set: %v", err)
	}
	for _, tc := range []struct{ assignment, wantErr string }{
		{"modbus=0", ""},
		{"modbus=65535", ""},
		{"modbus", "NAME=N"},
		{"modbuss=1", "unknown service"},
		{"modbus=65536", "not a port number"},
		{"modbus=x", "not a port number"},
	} {
		err := dev.Set(tc.assignment)
		if (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
			t.Errorf("Set(%q) = %v, want %q", tc.assignment, err, tc.wantErr)
		}
	}
	if dev[Modbus] != 65535 {
		t.Errorf("modbus port is %d after Set", dev[Modbus])
	}
}

func TestListenTellsTheRemedy(t *testing.T) {
	ports := Ports{Modbus: 0}
	l, err := ports.Listen(t.Context(), "127.0.0.1", Modbus)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := ports.Set("modbus=" + l.Addr().String()[strings.LastIndex(l.Addr().String(), ":")+1:]); err != nil {
		t.Fatal(err)
	}
	if _, err := ports.Listen(t.Context(), "127.0.0.1", Modbus); err == nil || !strings.Contains(err.Error(), "--port modbus=N") {
		t.Errorf("taken port: %v", err)
	}
}

// TestReadyFile: replaced as a whole, nothing left beside it.
func TestReadyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ready.json")
	for _, firmware := range []string{"2.1.0", "3.0.0"} {
		want := Ready{PID: 7, Model: "ION9000", Serial: "S1", Firmware: firmware, Data: dir, Endpoints: map[Service]string{Modbus: "127.0.0.1:5020"}, Fingerprints: map[Service]string{}}
		if err := want.WriteFile(path); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if got["firmware"] != firmware || got["endpoints"].(map[string]any)["modbus"] != "127.0.0.1:5020" {
			t.Errorf("read back %s", text)
		}
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("%d files beside the ready file", len(entries)-1)
	}
	if err := (Ready{}).WriteFile(filepath.Join(dir, "absent", "ready.json")); err == nil {
		t.Error("no error for an absent folder")
	}
}

func TestListenTellsOfAForeignAddress(t *testing.T) {
	// 192.0.2.0/24 is for documentation: no machine has it.
	if _, err := (Ports{Modbus: 0}).Listen(t.Context(), "192.0.2.1", Modbus); err == nil || !strings.Contains(err.Error(), "--host") {
		t.Errorf("an address of another machine: %v", err)
	}
}
