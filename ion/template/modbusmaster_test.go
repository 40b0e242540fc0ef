package template

import (
	"slices"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/ion"
)

// What is programmed with links that take one type only, lines of text and registers of the
// map is there again from the stored text, whatever order its lines have.
func TestModbusMasterModulesAreRebuilt(t *testing.T) {
	model, err := Load("PM8000")
	if err != nil {
		t.Fatal(err)
	}
	node, err := model.Build("T-1", "3.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Program([]ion.Change{
		ion.Create{Type: "Modbus Import", Label: "An import"},
		ion.Create{Type: "Modbus Master Device", Label: "B device"},
		ion.Create{Type: "Modbus Master Map", Label: "C map"},
		ion.Set{Register: "C map/Register 1", Value: "kWh | all: 1 INT64 scale 0.001 unit kWh low-first"},
		ion.Link{Input: "B device/Custom Map", Register: "C map/Registers"},
		ion.Link{Input: "An import/Device", Register: "B device/Online"},
		ion.Set{Register: "An import/Register 1", Value: "kWh | all"},
		ion.Create{Type: "Modbus Slave", Label: "Slave"},
		ion.Link{Input: "Slave/Source 2", Register: "An import/Value 1"},
		ion.Set{Register: "Slave/Base Address", Value: "3110"},
		ion.Set{Register: "Data Mapping frequency/Enable Modbus", Value: "OFF"},
	}, ion.By{}, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	stored := Format(node.Listing())
	again, problems, err := model.Rebuild(string(stored), "T-1", "3.0.0")
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	if got := Format(again.Listing()); !slices.Equal(got, stored) {
		t.Errorf("rebuilt as\n%s", got)
	}
	if reasons := again.Offline(); reasons["Slave"] != "" || reasons["An import"] != "" {
		t.Errorf("offline: %v", reasons)
	}
}
