package waveform

import (
	"slices"
	"strings"
)

// quantityWords are the words, in capitals, that say voltage or current in the languages
// of recorders.
var quantityWords = []struct {
	kind  rune
	words []string
	// romance says that "a" and "un" are words of the language.
	romance bool
}{
	{'V', []string{"U", "V", "VLN", "ULN", "VLL", "ULL", "PHV", "VPH", "UPH", "VOLTAGE", "VOLTAGES", "VOLT", "VOLTS", "VOL"}, false},
	{'A', []string{"I", "IPH", "CURRENT", "CURRENTS", "CURR", "CUR", "AMP", "AMPS"}, false},
	{'V', []string{"SPANNUNG", "SPANNUNGEN", "NAPIĘCIE", "NAPIĘCIA", "NAPIECIE", "NAPIECIA"}, false},
	{'A', []string{"STROM", "STRÖME", "STROEME", "PRĄD", "PRĄDY", "PRAD", "PRADY"}, false},
	{'V', []string{"TENSION", "TENSIÓN", "TENSIONES", "TENSIONS", "TENSÃO", "TENSAO", "TENSÕES", "TENSOES", "TENSIONE", "TENSIONI", "VOLTAJE", "VOLTAJES"}, true},
	{'A', []string{"CORRIENTE", "CORRIENTES", "INTENSIDAD", "INTENSIDADES", "CORRENTE", "CORRENTES", "CORRENTI", "COURANT", "COURANTS", "INTENSITÉ", "INTENSITE"}, true},
	{'V', []string{"НАПРЯЖЕНИЕ", "НАПРЯЖЕНИЯ"}, false},
	{'A', []string{"ТОК", "ТОКИ"}, false},
	{'V', []string{"电压", "電壓", "线电压", "線電壓"}, false},
	{'A', []string{"电流", "電流"}, false},
}

// chineseWords stand within other words, without blanks.
var chineseWords = []string{"电压", "電壓", "电流", "電流", "线电压", "線電壓", "相"}

// followsPhase reports whether a word stands behind the phase that it announces, as in
// A相 and AB线电压.
func followsPhase(text string) bool {
	return text == "相" || text == "线电压" || text == "線電壓"
}

// quantity reads a word that announces a voltage or a current: voltage, U, Vln, CT2.
// number is the transformer's. The kind is 0 for any other word.
func quantity(u string) (kind rune, number string) {
	word := strings.TrimRight(u, "0123456789")
	switch word {
	case "VT", "PT", "TV", "TP":
		return 'V', u[len(word):]
	case "CT", "TC":
		return 'A', u[len(word):]
	}
	kind, _ = quantityWord(u)
	return kind, ""
}

func quantityWord(u string) (kind rune, romance bool) {
	if strings.Contains(u, "\xCC") { // the first byte of an accent behind its letter
		u = composed.Replace(u)
	}
	for i := range quantityWords {
		if q := &quantityWords[i]; slices.Contains(q.words, u) {
			return q.kind, q.romance
		}
	}
	return 0, false
}

func isRomance(u string) bool {
	_, romance := quantityWord(u)
	return romance
}

// composed makes one character of the letters of quantityWords and an accent.
var composed = strings.NewReplacer("O\u0301", "Ó", "A\u0303", "Ã", "O\u0303", "Õ", "E\u0301", "É", "O\u0308", "Ö", "E\u0328", "Ę", "A\u0328", "Ą")

// isEarthWord reports whether a word is earth in one of these languages: what is
// measured against or towards it is no phase.
func isEarthWord(u string) bool {
	switch u {
	case "TIERRA", "TERRA", "TERRE", "ERDE", "ZIEMIA", "ZIEMI", "ЗЕМЛЯ", "ЗЕМЛИ", "ЗЕМЛЮ":
		return true
	}
	return false
}
