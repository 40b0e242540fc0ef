package textrow

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// UTF8 returns text in UTF-8, without byte order mark, and the name of the encoding
// it was in. Recordings do not say in which encoding their names are, so it is told
// from the bytes: UTF-8 and UTF-16 prove themselves; GB 18030 is told by pairs in
// the range of common Chinese characters, Windows-1251 by words made of Cyrillic
// letters alone, and what remains is Latin-1 (with Windows-1252's additions).
func UTF8(text []byte) (decoded []byte, name string) {
	switch {
	case bytes.HasPrefix(text, []byte{0xEF, 0xBB, 0xBF}):
		text = text[3:]
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}), bytes.HasPrefix(text, []byte{0xFE, 0xFF}):
		return transcode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), text), "utf-16"
	case zeros(text) == 0b1010:
		return transcode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), text), "utf-16"
	case zeros(text) == 0b0101:
		return transcode(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), text), "utf-16"
	}
	if utf8.Valid(text) {
		return text, "utf-8"
	}
	if looksChinese(text) {
		return transcode(simplifiedchinese.GB18030, text), "gb18030"
	}
	if looksCyrillic(text) {
		return transcode(charmap.Windows1251, text), "windows-1251"
	}
	return transcode(charmap.Windows1252, text), "latin-1"
}

// zeros has a bit for each of the first four bytes that is 0: every other one is where
// a text in UTF-16 without a mark begins with two characters of ASCII.
func zeros(text []byte) (bits uint8) {
	if len(text) < 4 {
		return 0
	}
	for i, b := range text[:4] {
		if b == 0 {
			bits |= 1 << i
		}
	}
	return bits
}

func transcode(e encoding.Encoding, text []byte) []byte {
	out, err := e.NewDecoder().Bytes(text)
	if err != nil {
		return bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	return out
}

// looksChinese reports whether most high bytes pair up to GB 2312's symbols and
// first-level characters (lead 0xA1..0xA9 and 0xB0..0xD7, trail from 0xA1 up), the
// 3755 that make up nearly all of modern text. Neither Cyrillic words, mostly lower
// case from 0xE0 up, nor the single accented letters of Latin text do that.
func looksChinese(text []byte) bool {
	common, other := 0, 0
	for i := 0; i < len(text); i++ {
		lead := text[i]
		if lead < 0x80 {
			continue
		}
		if i+1 < len(text) && text[i+1] >= 0xA1 && (lead >= 0xA1 && lead <= 0xA9 || lead >= 0xB0 && lead <= 0xD7) {
			common++
			i++
			continue
		}
		other++
		if i+1 < len(text) && text[i+1] >= 0x80 {
			i++
		}
	}
	return common > 3*other
}

// looksCyrillic reports whether the high bytes are letters of Windows-1251 and the
// words that hold them hold little else.
func looksCyrillic(text []byte) bool {
	letters, others, latin := 0, 0, 0
	wordHigh, wordLatin := 0, 0
	endWord := func() {
		if wordHigh > 0 {
			letters += wordHigh
			latin += wordLatin
		}
		wordHigh, wordLatin = 0, 0
	}
	for _, c := range text {
		switch {
		case c >= 0xC0 || c == 0xA8 || c == 0xB8: // А..я, Ё, ё
			wordHigh++
		case c >= 0x80:
			others++
		case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
			wordLatin++
		default:
			endWord()
		}
	}
	endWord()
	return letters > 2*latin && letters > 9*others
}
