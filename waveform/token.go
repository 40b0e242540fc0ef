package waveform

import (
	"strings"
	"unicode"
)

// token is a run of letters and digits of one script in a name, and what stands
// between it and the one before.
type token struct{ text, before string }

// script is a family of letters that words are made of.
type script uint8

const (
	latin script = iota // and digits
	cyrillic
	chinese
	otherScript
)

func scriptOf(r rune) script {
	switch {
	case r <= unicode.MaxLatin1 || unicode.Is(unicode.Latin, r):
		return latin
	case unicode.Is(unicode.Cyrillic, r):
		return cyrillic
	case unicode.Is(unicode.Han, r):
		return chinese
	}
	return otherScript
}

// tokens splits a name, with its phases in Latin letters and without the little words
// of languages that have some which look like phases.
func (l lettering) tokens(name string, humps bool) []token {
	return withoutArticles(l.latin(tokenize(name, humps)))
}

// tokenize splits a name at blanks, punctuation and changes of script, which run on
// without a blank ("220kV母线I_Ua", "Ua对侧"), and at the words for voltage, current and
// phase within Chinese ones ("A相电压"); with humps also where a capital follows a small
// letter ("VaBus", "VoltageA").
func tokenize(name string, humps bool) []token {
	var tokens []token
	start, last, small := -1, 0, false
	var of script
	flush := func(end int) {
		if start >= 0 {
			if t := (token{name[start:end], name[last:start]}); of == chinese {
				tokens = appendChinese(tokens, t)
			} else {
				tokens = append(tokens, t)
			}
			last = end
		}
		start = -1
	}
	for i, r := range name {
		if start >= 0 && unicode.Is(unicode.Mn, r) {
			continue // the accent of the letter before
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush(i)
			continue
		}
		s := scriptOf(r)
		if start >= 0 && (s != of && !unicode.IsDigit(r) || humps && small && unicode.IsUpper(r)) {
			flush(i)
		}
		small = unicode.IsLower(r)
		if start < 0 {
			start, of = i, s
		}
	}
	flush(len(name))
	return tokens
}

// appendChinese appends a run of Chinese, cut at the words that tell what is measured.
func appendChinese(tokens []token, run token) []token {
	text, before, begin := run.text, run.before, 0
	add := func(begin, end int) {
		if begin < end {
			tokens = append(tokens, token{text[begin:end], before})
			before = ""
		}
	}
	for i := 0; i < len(text); {
		word := ""
		for _, w := range chineseWords {
			if strings.HasPrefix(text[i:], w) {
				word = w
			}
		}
		if word == "" {
			i++
			continue
		}
		add(begin, i)
		add(i, i+len(word))
		i += len(word)
		begin = i
	}
	add(begin, len(text))
	return tokens
}

// withoutArticles drops "a" and "un" between a Romance word for voltage or current and
// another word: "Corriente a plena carga" is of no phase.
func withoutArticles(tokens []token) []token {
	article := func(i int) bool {
		return (tokens[i].text == "a" || tokens[i].text == "un") && i+1 < len(tokens) && isPlainWord(tokens[i+1].text)
	}
	romance, looked := false, 0
	out := tokens[:0]
	for i, t := range tokens {
		if article(i) {
			for ; looked < i && !romance; looked++ { // nothing is dropped before one is found
				romance = isRomance(strings.ToUpper(tokens[looked].text))
			}
			if romance {
				continue
			}
		}
		out = append(out, t)
	}
	return out
}

// isPlainWord reports whether text is three small letters or more.
func isPlainWord(text string) bool {
	return len(text) > 2 && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsLower(r) }) < 0
}
