package panel

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hepmeter/hepmeter/access"
	wire "github.com/hepmeter/hepmeter/wire/panel"
)

var update = flag.Bool("update", false, "rewrite the golden screens and the ones in docs/panel.md")

// known makes a reading of some registers; all others are NOT AVAILABLE.
func known(values map[string]access.Value) *reading {
	r := &reading{at: time.Date(2026, 11, 24, 13, 30, 5, 0, time.UTC), value: func(label string) access.Value { return values[label] }}
	r.format = formatOf(r.value)
	r.info = func() (access.Info, error) {
		return access.Info{Model: "PM8000", Serial: "SW-12345678", Firmware: "3.0.0", DeviceName: "Feeder 7", Owner: "Works", Template: "factory", Source: "synth", Modules: 212, PowerUps: 3,
			Time: r.at, Uptime: 26*time.Hour + 3*time.Minute, Endpoints: map[string]string{"ion": "127.0.0.1:7700", "modbus": "127.0.0.1:5020"}}, nil
	}
	r.certificates = func() ([]access.CertificateInfo, error) {
		return []access.CertificateInfo{
			{Use: "https", Fingerprint: "SHA256:" + strings.TrimSuffix(strings.Repeat("AB:", 32), ":")},
			{Use: "ssh", Fingerprint: "SHA256:sHshLWWxt7+xepqsrE9zjQEvbTU/73/ADk22BY1gUUo"},
		}, nil
	}
	r.events = func(newer, n int) ([]access.Event, int, error) {
		log := []access.Event{
			{Sequence: 3, Priority: 10, Time: r.at, User: "USER1 (no name given)", Cause: "Power Meter/PT Prim", CauseValue: "347", Effect: "Power Meter/PT Prim", EffectValue: "480"},
			{Sequence: 2, Priority: 128, Time: r.at.Add(-time.Minute), User: "USER1", Cause: "login", CauseValue: "wrong", Effect: "Security", EffectValue: "bad-credentials"},
			{Sequence: 1, Priority: 30, Time: r.at.Add(-time.Hour), Cause: "Power Up", CauseValue: "first start", Effect: "Program", EffectValue: "initialised"},
		}
		newer = min(newer, len(log))
		return log[newer:min(len(log), newer+n)], len(log), nil
	}
	return r
}

func available(x float64) access.Value {
	return access.Value{Kind: access.KindNumber, Available: true, Number: x}
}
func named(text string) access.Value {
	return access.Value{Kind: access.KindEnum, Available: true, Text: text}
}
func counted(x int64) access.Value {
	return access.Value{Kind: access.KindCount, Available: true, Count: x, Number: float64(x) / 1000}
}

// atWork is a meter with something in most registers.
func atWork() *reading {
	values := map[string]access.Value{
		"Display Options/Digit Group": named("1,000.0"), "Display Options/Date Format": named("DD/MM/YYYY"), "Display Options/Volts Digits": available(1),
		"Clock/Local Time": available(7200), "Clock/Universal Time": available(3600),
		"Ethernet/Enable ION": {Kind: access.KindBoolean, Available: true, Number: 1}, "Ethernet/Enable SSH": {Kind: access.KindBoolean, Available: true}, "Ethernet/Web Access": named("HTTPS"),
		"Power Meter/Freq": available(50.002), "Power Meter/V unbal": available(0.734), "Power Meter/I unbal": available(12.5), "Power Meter/DPF tot": available(0.95), "Power Meter/PF lag": available(0.947),
		"kW sd/Time Left": available(421), "kWh del/Result": counted(1_234_567_890), "kWh rec/Result": counted(12), "kWh del+rec/Result": counted(1_234_567_902), "kWh del-rec/Result": counted(-1_500),
	}
	for i, phase := range []string{"a", "b", "c"} {
		x := float64(i)
		for register, value := range map[string]float64{"Vln ": 7967.4 + 10*x, "I": 118.25 - 20*x, "kW ": 812.345 - 100*x, "kVAR ": -262.4 + 50*x, "kVA ": 853.7 - 100*x, "PF sign ": 0.951 - 0.1*x} {
			values["Power Meter/"+register+phase] = available(value)
		}
		for _, input := range []string{"V", "I"} {
			analyzer := fmt.Sprintf("%s%d Harmonics/", input, i+1)
			values[analyzer+"Mag 1"], values[analyzer+"Phs 1"] = available(map[string]float64{"V": 7967, "I": 118.2}[input]), available(map[string]float64{"V": 0, "I": -18}[input]-120*x)
			values[analyzer+"Total HD"], values[analyzer+"Harmonics Display Mode"] = available(3.2), named("% of fundamental")
			for order := 2; order <= 40; order++ {
				values[analyzer+fmt.Sprint("HD", order)] = available(float64(order%2) * 9 / float64(order))
			}
		}
	}
	for i, phases := range []string{"ab", "bc", "ca"} {
		values["Power Meter/Vll "+phases] = available(13800 + 17.3*float64(i))
	}
	values["Power Meter/kW tot"], values["Power Meter/kVAR tot"], values["Power Meter/kVA tot"] = available(12_345_678.9), available(-187.2), available(2261.1)
	values["kW sd/SWinDemand"], values["kW sd/PredDemand"], values["kW sd max/Maximum"] = available(2137.035), available(2140), available(3801.5)
	return known(values)
}

// sizes are the least display and the usual one.
var sizes = [][2]int{{wire.LeastColumns, wire.LeastRows}, {80, 24}}

// drawn is a data screen as a display shows it.
func drawn(s screen, r *reading, columns, rows int) string {
	only := data{screens: []screen{s}}
	title, body, help := only.draw(r, columns, rows-2)
	lines := []string{ends(title, r.localTime(r.at), columns)}
	for i := range rows - 2 {
		text := ""
		if i < len(body) {
			text = clipped(body[i], columns).Text()
		}
		lines = append(lines, strings.TrimRight(text, " "))
	}
	return strings.Join(append(lines, help), "\n") + "\n"
}

func TestScreensAreAsTheyWere(t *testing.T) {
	for _, s := range screens() {
		for _, size := range sizes {
			name := fmt.Sprintf("%s-%dx%d", s.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				got := drawn(s, atWork(), size[0], size[1])
				path := filepath.Join("testdata", "screens", name+".txt")
				if *update {
					if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil || string(want) != got {
					t.Errorf("%v\n%s\nis not as in %s (go test ./serve/panel -update)", err, got, path)
				}
			})
		}
	}
}

func TestScreensStayWithinTheDisplay(t *testing.T) {
	for _, s := range screens() {
		for _, r := range []*reading{atWork(), known(nil), nothing(access.NewRefusal(access.CodeNoPermission, "")), nothing(errors.New(strings.Repeat("long ", 100)))} {
			for _, size := range sizes {
				_, last := s.draw(r, size[0], size[1]-2, 0)
				for _, at := range []int{0, 1, last, last + 5} {
					lines, _ := s.draw(r, size[0], size[1]-2, at)
					if len(lines) > size[1]-2 {
						t.Errorf("%s at %d: %d lines on %v", s.name, at, len(lines), size)
					}
					for _, line := range lines {
						if n := len([]rune(line.Text())); n > size[0] {
							t.Errorf("%s on %v: %q has %d characters", s.name, size, line.Text(), n)
						}
					}
				}
			}
		}
	}
}

// NOT AVAILABLE is dashes and never 0.
func TestNotAvailableIsNeverZero(t *testing.T) {
	r := known(nil)
	r.info, r.events, r.certificates = nil, nil, nil
	for _, s := range screens() {
		lines, _ := s.draw(r, 80, 22, 0)
		text := ""
		for _, line := range lines {
			text += line.Text() + "\n"
		}
		if !strings.Contains(text, absent) || strings.ContainsAny(strings.NewReplacer("Mag 1", "", "V1", "", "I1", "").Replace(text), "0") {
			t.Errorf("%s of nothing:\n%s", s.name, text)
		}
	}
}

// What docs/panel.md shows is what the panel draws.
func TestDocsShowTheScreens(t *testing.T) {
	const path = "../../docs/panel.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	const end = "<!-- end -->"
	for _, s := range screens() {
		begin := "<!-- screen " + s.name + ", from go test ./serve/panel -update -->\n"
		before, rest, ok := strings.Cut(text, begin)
		if !ok {
			continue
		}
		_, after, ok := strings.Cut(rest, end)
		if !ok {
			t.Fatalf("%s: no end after %s", path, begin)
		}
		text = before + begin + "```\n" + drawn(s, atWork(), 80, 17) + "```\n" + end + after
	}
	if text == string(page) {
		return
	}
	if !*update {
		t.Fatalf("%s does not show the screens as they are; run go test ./serve/panel -update", path)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
