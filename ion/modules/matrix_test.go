package modules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// matrix says what becomes of a type while its source is NOT AVAILABLE, while Enable is OFF,
// at a Reset pulse and at power-up (ION Reference, special conditions of each module). Each
// cell is the row of the rules test that proves it; an empty one has no rule of its own.
var matrix = []struct{ module, test, sourceNA, enableOff, reset, powerUp string }{
	{"Maximum", "TestOperatingRules/Maximum/", "source N/A keeps the value", "Enable off keeps the value", "Reset makes it N/A",
		"power-up keeps value and time of the extreme"},
	{"Minimum", "TestOperatingRules/Minimum/", "source N/A keeps the value", "Enable off keeps the value", "Reset makes it N/A", "power-up keeps"},
	{"Integrator", "TestOperatingRules/Integrator/", "source N/A keeps", "Enable off keeps and ignores the input", "Reset zeroes all", "power-up keeps all"},
	{"Integrator: Interval Reset", "TestOperatingRules/Integrator/", "", "", "Interval Reset zeroes whole units and keeps the remainder", ""},
	{"Sliding Window Demand", "TestOperatingRules/Sliding Window Demand/", "source N/A makes it N/A, and the interval does not count",
		"Enable off: N/A, interval data lost", "Reset restarts the interval", "power-up: N/A until one whole window"},
	{"Thermal Demand", "TestOperatingRulesOfThermalDemandAndCounter/Thermal Demand/", "source N/A decays like zero", "Enable off decays toward 0",
		"Reset makes it 0, also while disabled", "power-up keeps what an outage leaves"},
	{"Counter", "TestOperatingRulesOfThermalDemandAndCounter/Counter/", "", "Enable off keeps the value, pulses meanwhile do not count",
		"Reset makes it Preset, also while disabled", "power-up keeps"},
	{"Store", "TestStore/", "source N/A: its slot N/A", "Enable off: Store pulses are ignored", "Reset pulse: all N/A, also while disabled", "power-up: keep"},
	{"Setpoint", "TestOperatingRulesOfSetpoints/Setpoint/", "source N/A: Status N/A, and the delays begin anew", "Enable off: Status N/A", "", "power-up re-evaluates"},
	{"Relative Setpoint", "TestOperatingRulesOfSetpoints/Relative Setpoint/", "source N/A: all N/A, and the delays begin anew", "Enable off: all N/A", "",
		"power-up re-evaluates"},
	{"AND/OR", "TestOperatingRulesOfLogic/AND/OR/", "source N/A is ignored", "", "latching stays ON until LatchReset", "power-up re-evaluates"},
	{"Arithmetic", "TestOperatingRulesOfArithmetic/", "operand N/A: the result is N/A, unless tested", "Enable off: no calculation, results are kept",
		"Reset: previous sources N/A, previous results 0", "power-up: N/A until the first run, previous values are gone"},
	{"Convert: none", "TestOperatingRulesOfLogic/Convert/", "source N/A: none", "Enable off: both N/A", "", "power-up re-evaluates without a pulse"},
	{"Convert: to 0", "TestOperatingRulesOfLogic/Convert/", "source N/A: to 0", "", "", ""},
	{"Convert: to 1", "TestOperatingRulesOfLogic/Convert/", "source N/A: to 1", "", "", ""},
	{"Periodic Timer", "TestPeriodicTimer/", "", "Enable off: no pulse", "", "power-up realigns to the clock"},
	{"One-Shot Timer", "TestOneShotTimer/", "", "Enable off: the run finishes, Starts are ignored", "", "power-up: idle"},
	{"External Boolean", "TestExternals/External Boolean/", "", "", "", "power-up: last written value"},
	{"External Numeric", "TestExternals/External Numeric/", "", "", "", "power-up: last written value"},
	{"External Pulse", "TestExternals/External Pulse/", "", "", "", "power-up: no pulse"},
	{"Feedback", "TestOperatingRulesOfLogic/Feedback/", "", "Enable off: no pulse, and none later", "", "power-up: no pulse until the inputs are evaluated"},
	{"Digital Input", "TestDigitalInput/", "", "", "Reset Count: 0", "power-up: Count and level are kept, and count nothing"},
	{"Data Recorder", "TestDataRecorder/", "2.12 source N/A: an empty cell", "2.12 Enable off: no records, log kept", "Rearm in stop-when-full clears",
		"2.12 power-up: log kept, numbers go on"},
	{"Data Recorder: circular", "TestDataRecorder/", "", "", "Rearm in circular mode does nothing", ""},
	{"Bin", "TestBin/", "source N/A: only rules that do not ask for it hold", "Enable off: counts frozen, Evaluate ignored", "Reset pulse: counts 0, also while disabled",
		"power-up: keep"},
	{"Pulse Merge", "TestOperatingRulesOfLogic/Pulse Merge/", "", "Enable off: pulses ignored, and not later", "", "power-up: no pulse"},
	{"Modbus Import", "TestModbusImport/", "source N/A: the device says that it has no value", "Enable off: nothing is read, and values age", "",
		"power-up: N/A until the first answer"},
	{"Modbus Export", "TestModbusExport/", "source N/A: not written", "Enable off: nothing is written, and not later", "", "power-up: the values are no change"},
	{"Modbus Slave", "TestModbusSlave/", "source N/A: N/A", "", "", "input mode: clients write, and a power cut keeps"},
	{"Scheduler", "TestScheduler/", "", "Enable off: all 8 Status N/A", "", "power-up: follows the clock, without a Trigger"},
}

// Every cell of the matrix is one row of a rules test, no more and no less.
func TestTheMatrixIsProved(t *testing.T) {
	rows := rulesRows(t)
	for _, m := range matrix {
		t.Run(m.module, func(t *testing.T) {
			for _, cell := range []struct{ condition, row string }{
				{"source N/A", m.sourceNA}, {"Enable off", m.enableOff}, {"Reset", m.reset}, {"power-up", m.powerUp},
			} {
				if cell.row == "" {
					continue
				}
				if n := rows[m.test+cell.row]; n != 1 {
					t.Errorf("%s: %d rows %q, want one", cell.condition, n, m.test+cell.row)
				}
				t.Logf("%s: %s%s", cell.condition, m.test, cell.row)
			}
		})
	}
}

// rulesRows counts the rows of the tests of this package, each as "Test/row": a row is a
// composite literal that begins with its name.
func rulesRows(t *testing.T) map[string]int {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			test, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(test.Name.Name, "Test") {
				continue
			}
			ast.Inspect(test, func(n ast.Node) bool {
				if literal, ok := n.(*ast.CompositeLit); ok && len(literal.Elts) > 1 {
					if first, ok := literal.Elts[0].(*ast.BasicLit); ok && first.Kind == token.STRING {
						row, err := strconv.Unquote(first.Value)
						if err != nil {
							t.Fatal(err)
						}
						rows[test.Name.Name+"/"+row]++
					}
				}
				return true
			})
		}
	}
	return rows
}
