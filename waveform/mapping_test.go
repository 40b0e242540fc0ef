package waveform

import (
	"fmt"
	"strings"
	"testing"
)

// channels makes an Info of "name|unit|phase" entries.
func channels(specs ...string) Info {
	var info Info
	for _, s := range specs {
		f := append(strings.Split(s, "|"), "", "")
		info.Channels = append(info.Channels, Channel{Name: f[0], Unit: f[1], Phase: f[2], Primary: 1, Secondary: 1})
	}
	return info
}

// brief writes a mapping as "V1=1 I1=2*1000".
func brief(m Mapping) string {
	var parts []string
	for _, p := range m {
		s := fmt.Sprintf("%s=%d", p.Role, p.Channel+1)
		if p.Scale != 1 {
			s += fmt.Sprintf("*%g", p.Scale)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " ")
}

func TestAutoMap(t *testing.T) {
	for name, row := range map[string]struct {
		info Info
		want string
		note string // a note must hold this
	}{
		"plain letters":           {channels("Va", "Vb", "Vc", "Ia", "Ib", "Ic", "In"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6 I4=7", ""},
		"digits":                  {channels("I1|ampere", "I2|ampere", "I3|ampere", "I4|ampere", "U1|volt", "U2|volt", "U3|volt", "U4|volt"), "V1=5 V2=6 V3=7 V4=8 I1=1 I2=2 I3=3 I4=4", ""},
		"UL1":                     {channels("UL1|V", "UL2|V", "UL3|V", "IL1|A", "IL2|A", "IL3|A", "IE|A"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6 I5=7", ""},
		"to neutral":              {channels("VAN|V", "VBN|V", "VCN|V"), "V1=1 V2=2 V3=3", ""},
		"Line1-GND":               {channels("Line1-GND", "Line2-GND", "Line3-GND"), "V1=1 V2=2 V3=3", ""},
		"L1-N":                    {channels("L1-N", "L2-N", "L3-N"), "V1=1 V2=2 V3=3", ""},
		"UL1-N":                   {channels("UL1-N|V", "UL2-N|V", "UL3-N|V", "IL1|A", "IL2|A", "IL3|A"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"L1-L2":                   {channels("L1-L2|V", "L2-L3|V", "L3-L1|V"), "V12=1 V23=2 V31=3", ""},
		"UL1-L2":                  {channels("UL1-L2|V", "UL2-L3|V", "UL3-L1|V"), "V12=1 V23=2 V31=3", ""},
		"Va-Vb":                   {channels("Va-Vb", "Vb-Vc", "Vc-Va"), "V12=1 V23=2 V31=3", ""},
		"words":                   {channels("Phase A Voltage", "Phase B Voltage", "Phase C Voltage", "Phase A Current", "Phase B Current", "Phase C Current"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"Current L1":              {channels("Current L1", "Current L2", "Current L3", "Voltage L1", "Voltage L2", "Voltage L3"), "V1=4 V2=5 V3=6 I1=1 I2=2 I3=3", ""},
		"U_AB":                    {channels("U_AB", "U_BC", "U_CA"), "V12=1 V23=2 V31=3", ""},
		"reversed U21":            {channels("U21|V", "U32|V", "U13|V", "I1|A", "I2|A", "I3|A"), "V12=1*-1 V23=2*-1 V31=3*-1 I1=4 I2=5 I3=6", ""},
		"Vab Vbc Vca":             {channels("Vab", "Vbc", "Vca"), "V12=1 V23=2 V31=3", ""},
		"Vac is -Vca":             {channels("Vab", "Vbc", "Vac"), "V12=1 V23=2 V31=3*-1", ""},
		"prefixes":                {channels("Ua|kV", "Ub|kV", "Uc|kV", "Ia|kA", "Ib|mA", "Ic|A"), "V1=1*1000 V2=2*1000 V3=3*1000 I1=4*1000 I2=5*0.001 I3=6", ""},
		"reversed kV":             {channels("U21|kV", "U32|kV"), "V12=1*-1000 V23=2*-1000", ""},
		"MV is not mV":            {channels("Ua|MV", "Ub|mV", "Uc|V"), "V1=1*1e+06 V2=2*0.001 V3=3", ""},
		"within a name":           {channels("MODAQ_Va_V", "MODAQ_Vb_V", "MODAQ_Vc_V", "MODAQ_Ia_I", "MODAQ_Ib_I", "MODAQ_Ic_I"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"LINE ULA":                {channels("LINE SUM ILA|A", "LINE SUM ILB|A", "LINE SUM ILC|A", "LINE SUM IN|A", "REM1 SUM ILA|A", "REM1 SUM ILB|A", "REM1 SUM ILC|A", "REM1 SUM IN|A", "LINE ULA|V", "LINE ULB|V", "LINE ULC|V", "LINE UN|V", "I DIFF LA|one"), "V1=9 V2=10 V3=11 V4=12 I1=1 I2=2 I3=3 I4=4", "REM1 SUM"},
		"phase field":             {channels("SBUS A  V-node|V|A", "SBUS B  V-node|V|B", "SBUS C  V-node|V|C", "FAULTA I-branch|A|A", "FAULTB I-branch|A|B", "FAULTC I-branch|A|C"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"phase field digits":      {channels("Feeder|A|7", "Feeder|A|8"), "", "--channels"},
		"battery":                 {channels("+ШУ_Батарея|V|AC"), "", "--channels"},
		"residuals stay out":      {channels("IA|A", "IB|A", "IC|A", "3I0|A", "Vo|V"), "I1=1 I2=2 I3=3", "sums of phases"},
		"numbered bays":           {channels("Ia1|A", "Ib1|A", "Ic1|A", "Ua1|V", "Ub1|V", "Uc1|V", "Ua对侧|V", "Ub对侧|V", "Uc对侧|V", "Ia2|A", "Ib2|A", "Ic2|A"), "V1=4 V2=5 V3=6 I1=1 I2=2 I3=3", "对侧"},
		"the bay of the bus":      {channels("Ua_1СШ-110_ТН|kV|A", "Ub_1СШ-110_ТН|kV|B", "Uc_1СШ-110_ТН|kV|C", "Ia_2СШ-110_ВЛ1|A|A", "Ib_2СШ-110_ВЛ1|A|B", "Ic_2СШ-110_ВЛ1|A|C", "Ia_1СШ-110_ВЛ3|A|A", "Ib_1СШ-110_ВЛ3|A|B", "Ic_1СШ-110_ВЛ3|A|C"), "V1=1*1000 V2=2*1000 V3=3*1000 I1=7 I2=8 I3=9", "ВЛ1"},
		"complete before":         {channels("bay1 Ia|A", "bay2 Ia|A", "bay2 Ib|A", "bay2 Ic|A"), "I1=2 I2=3 I3=4", ""},
		"wye before delta":        {channels("Uab|V", "Ubc|V", "Uca|V", "Ua|V", "Ub|V", "Uc|V"), "V1=4 V2=5 V3=6", ""},
		"one phase":               {channels("U1|V", "I1|A"), "V1=1 I1=2", ""},
		"unit contradicts":        {channels("Ia|V", "P|W"), "", "--channels"},
		"neutral of another":      {channels("bay1 Ia|A", "bay1 Ib|A", "bay1 Ic|A", "bay2 In|A"), "I1=1 I2=2 I3=3", ""},
		"red yellow blue":         {channels("VR|V", "VY|V", "VB|V", "IR|A", "IY|A", "IB|A"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"RYB delta":               {channels("VRY|V", "VYB|V", "VBR|V", "I R|A", "I Y|A", "I B|A"), "V12=1 V23=2 V31=3 I1=4 I2=5 I3=6", ""},
		"RYB phase field":         {channels("BUS|V|R", "BUS|V|Y", "BUS|V|B"), "V1=1 V2=2 V3=3", ""},
		"RST":                     {channels("uR", "uS", "uT", "iR", "iS", "iT"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"UVW":                     {channels("U_U", "U_V", "U_W", "I_U", "I_V", "I_W"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"IR is no phase here":     {channels("VA|V", "VB|V", "VC|V", "IA|A", "IB|A", "IC|A", "IR|A"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"VT is a transformer":     {channels("BUS VT|V|A", "BUS VT|V|B", "BUS VT|V|C"), "V1=1 V2=2 V3=3", ""},
		"VT1_A":                   {channels("VT1_A|V", "VT1_B|V", "VT1_C|V", "CT1_A|A", "CT1_B|A", "CT1_C|A"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"UL1L2":                   {channels("UL1L2|V", "UL2L3|V", "UL3L1|V"), "V12=1 V23=2 V31=3", ""},
		"numbered channels":       {channels("CH1 VA", "CH2 VB", "CH3 VC", "CH4 IA", "CH5 IB", "CH6 IC"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"numbered buses":          {channels("BUS1|V|L1", "BUS2|V|L2", "BUS3|V|L3"), "V1=1 V2=2 V3=3", ""},
		"relay terminals":         {channels("IAW|A", "IBW|A", "ICW|A", "IAX|A", "IBX|A", "ICX|A", "VAY|V", "VBY|V", "VCY|V"), "V1=7 V2=8 V3=9 I1=1 I2=2 I3=3", "IAX"},
		"IAN beside VAN":          {channels("VAN|V", "VBN|V", "VCN|V", "IAN|A", "IBN|A", "ICN|A"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"Vln a":                   {channels("Vln a|V", "Vln b|V", "Vln c|V"), "V1=1 V2=2 V3=3", ""},
		"V an":                    {channels("V an", "V bn", "V cn"), "V1=1 V2=2 V3=3", ""},
		"phase field AN":          {channels("BUS|V|AN", "BUS|V|BN", "BUS|V|CN"), "V1=1 V2=2 V3=3", ""},
		"VPhA":                    {channels("VPhA", "VPhB", "VPhC", "IPhA", "IPhB", "IPhC"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"humps":                   {channels("VoltageA", "VoltageB", "VoltageC", "IaLine", "IbLine", "IcLine"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"units with a side":       {channels("Va|kV pri", "Vb|kV pri", "Vc|kV pri", "Ia|[A]", "Ib|Arms", "Ic|A sec."), "V1=1*1000 V2=2*1000 V3=3*1000 I1=4 I2=5 I3=6", ""},
		"Cyrillic units":          {channels("Ua|кВ", "Ub|В", "Uc|мВ", "Ia|А", "Ib|кА", "Ic|мА"), "V1=1*1000 V2=2 V3=3*0.001 I1=4 I2=5*1000 I3=6*0.001", ""},
		"Spanish":                 {channels("Tensión A", "Tensión B", "Tensión C", "Intensidad A", "Intensidad B", "Intensidad C", "Corriente N"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6 I4=7", ""},
		"Spanish, accent apart":   {channels("Tensio\u0301n R", "Tensio\u0301n S", "Tensio\u0301n T", "Corriente fase R", "Corriente fase S", "Corriente fase T"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"Portuguese":              {channels("Tensão AB", "Tensão BC", "Tensão CA", "Corrente A", "Corrente B", "Corrente C"), "V12=1 V23=2 V31=3 I1=4 I2=5 I3=6", ""},
		"Italian":                 {channels("Tensione L1-N", "Tensione L2-N", "Tensione L3-N", "Corrente di fase L1", "Corrente di fase L2", "Corrente di fase L3"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"French":                  {channels("Tension phase A", "Tension phase B", "Tension phase C", "Courant A", "Courant B", "Courant C", "Courant neutre"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6 I4=7", ""},
		"German":                  {channels("Spannung L1", "Spannung L2", "Spannung L3", "Ströme L1", "Ströme L2", "Ströme L3"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"German, to earth":        {channels("L1-Erde", "L2-Erde", "L3-Erde", "Strom_L1", "Strom_L2", "Strom_L3"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"Polish":                  {channels("Napięcie L1", "Napięcie L2", "Napięcie L3", "Prąd faza A", "Prąd faza B", "Prąd faza C"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"Russian":                 {channels("Напряжение А", "Напряжение В", "Напряжение С", "Ток фазы А", "Ток фазы В", "Ток фазы С"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"Russian, L1":             {channels("Напряжение L1", "Напряжение L2", "Напряжение L3", "Ток L1", "Ток L2", "Ток L3"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"Russian, line to line":   {channels("Напряжение АВ", "Напряжение ВС", "Напряжение СА"), "V12=1 V23=2 V31=3", ""},
		"Cyrillic letters":        {channels("Uа", "Uв", "Uс", "IА_ВЛ1", "IВ_ВЛ1", "IС_ВЛ1"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"one letter Cyrillic":     {channels("Ua", "Uв", "Uc"), "V1=1 V2=2 V3=3", ""},
		"Cyrillic phase field":    {channels("Шина|кВ|А", "Шина|кВ|В", "Шина|кВ|С"), "V1=1*1000 V2=2*1000 V3=3*1000", ""},
		"Cyrillic units in names": {channels("Напряжение, В", "Ток, А"), "", "--channels"},
		"volts or phase B":        {channels("Напряжение В", "Ток А"), "", "--channels"},
		"a Russian в is in":       {channels("Ток в фазе А", "Ток в фазе В", "Ток в фазе С", "Ток в нейтрали"), "I1=1 I2=2 I3=3", ""},
		"Chinese":                 {channels("A相电压", "B相电压", "C相电压", "电流A相", "电流B相", "电流C相"), "V1=1 V2=2 V3=3 I1=4 I2=5 I3=6", ""},
		"Chinese, a bus called I": {channels("I母A相电压", "I母B相电压", "I母C相电压", "II母A相电压", "II母B相电压", "II母C相电压"), "V1=1 V2=2 V3=3", "II母A相电压"},
		"Chinese, line to line":   {channels("AB线电压", "BC线电压", "CA线电压"), "V12=1 V23=2 V31=3", ""},
		"Cyrillic behind UL":      {channels("ULА", "ULВ", "ULС"), "V1=1 V2=2 V3=3", ""},
		"V is volt":               {channels("Tensione V", "Corrente A B"), "", "--channels"},
		"Chinese, three phases":   {channels("3相电压", "零序电流"), "", "--channels"},
		"Spanish a is to":         {channels("Corriente a tierra", "Tensión a plena carga", "Corriente A tierra"), "", "--channels"},
		"French un is one":        {channels("Tension dans un départ"), "", "--channels"},
		"no word of any language": {channels("Außentemperatur A", "Größe B", "Мощность С"), "", "--channels"},
		"V and I":                 {channels("V|kV", "I|A", "Trigger"), "V1=1*1000 I1=2", "only one of its kind"},
		"two called V":            {channels("V|V", "V|V"), "", "--channels"},
		"digital input names":     {channels("I12", "I21"), "", "--channels"},
	} {
		t.Run(name, func(t *testing.T) {
			m, notes := AutoMap(row.info)
			if got := brief(m); got != row.want {
				t.Errorf("mapped %s, want %s", got, row.want)
			}
			if row.note != "" && !strings.Contains(strings.Join(notes, "\n"), row.note) {
				t.Errorf("notes %q, want one with %q", notes, row.note)
			}
		})
	}
}

func TestParseChannels(t *testing.T) {
	info := channels("Ia line|A", "U21|kV", "a, b|A", "7|V", "twin|V", "twin|V", "-x|A", "P|W")
	for spec, want := range map[string]string{
		"I1=1":                         "I1=1",
		"I1='Ia line'":                 "I1=1",
		`i1="ia  LINE"`:                "I1=1",
		"V1=2":                         "V1=2*1000",
		"V12=2":                        "V12=2*-1000",
		"V12=U21":                      "V12=2*-1000",
		"V12=-U21":                     "V12=2*1000",
		"I2='a, b',V1=4":               "V1=4 I2=3",
		"V1='7'":                       "V1=4",
		"I1=-1":                        "I1=1*-1",
		"I1=-x":                        "I1=7",
		"I3=1, I2='a, b' , I1=Ia line": "I1=1 I2=3 I3=1",
		"V1=5,V2=6":                    "V1=5 V2=6",
		"V1=8":                         "V1=8",
	} {
		m, err := ParseChannels(spec, info)
		if err != nil {
			t.Errorf("%s: %v", spec, err)
		} else if got := brief(m); got != want {
			t.Errorf("%s: %s, want %s", spec, got, want)
		}
	}
	for spec, want := range map[string]string{
		"":             "none given",
		"V1":           "INPUT=CHANNEL",
		"V9=1":         "unknown input",
		"V1=9":         "no channel 9",
		"V1=0":         "no channel 0",
		"V1=nope":      "no channel",
		"V1=twin":      "both called",
		"V1=2,V1=4":    "twice",
		"I1='Ia":       "not closed",
		"I1='7'x":      "want a comma",
		"I1=,V1=2":     "no channel given",
		"V1=1":         "is in A",
		"I1=Ia,line=2": "no channel",
	} {
		if _, err := ParseChannels(spec, info); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", spec, err, want)
		}
	}
}

func TestMappingFormat(t *testing.T) {
	info := channels("U21|kV", "Ia")
	m := Mapping{{V12, 0, -1000}, {I1, 1, 1}}
	want := "V12 = channel 1 \"U21\" in kV, times 1000 and reversed\nI1  = channel 2 \"Ia\"\n"
	if got := m.Format(info); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParseChannels(f *testing.F) {
	for _, s := range []string{"V1=3,I1='Ia line'", "I1=-1", `V4="x",`, "V1==", "V1='''"} {
		f.Add(s)
	}
	info := channels("Ia line|A", "U21|kV", "a, b|A")
	f.Fuzz(func(t *testing.T, spec string) {
		m, err := ParseChannels(spec, info)
		if err != nil {
			return
		}
		for _, p := range m {
			if p.Channel < 0 || p.Channel >= len(info.Channels) || p.Scale == 0 {
				t.Errorf("%q: %+v", spec, p)
			}
		}
	})
}

func FuzzAutoMap(f *testing.F) {
	f.Add("Ua_1СШ-110", "kV", "A", "UL1-L2", "V", "")
	f.Add("Напряжение А", "", "В", "Tensión a tierra", "V", "")
	f.Add("I母A相电压", "", "", "Uв", "кВ", "С")
	f.Add("3U0", "", "N", "I_A", "A", "L1")
	f.Fuzz(func(t *testing.T, n1, u1, p1, n2, u2, p2 string) {
		info := Info{Channels: []Channel{{Name: n1, Unit: u1, Phase: p1}, {Name: n2, Unit: u2, Phase: p2}}}
		m, _ := AutoMap(info)
		_ = m.Format(info)
	})
}
