package ssh

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxWords bounds the words of a command line.
const maxWords = 128

// usageError is a command line that means nothing.
type usageError string

func (e usageError) Error() string { return string(e) }

func usage(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// words takes a command line apart at blanks; 'one word' and "one word" hold blanks.
func words(line string) ([]string, error) {
	if len(line) > maxLine {
		return nil, usage("a command line has at most %d bytes, not %d", maxLine, len(line))
	}
	if !utf8.ValidString(line) {
		return nil, usage("the command line is no UTF-8 text")
	}
	var list []string
	var word strings.Builder
	inside, begun := rune(0), false
	for _, r := range line {
		switch {
		case inside != 0 && r == inside:
			inside = 0
		case inside == 0 && (r == '"' || r == '\''):
			inside, begun = r, true
		case inside == 0 && (r == ' ' || r == '\t' || r == '\r' || r == '\n'):
			if begun {
				list = append(list, word.String())
				word.Reset()
				begun = false
			}
		case r < ' ' || r == 0x7f:
			return nil, usage("the command line has a control character")
		default:
			word.WriteRune(r)
			begun = true
		}
		if len(list) > maxWords {
			return nil, usage("a command line has at most %d words", maxWords)
		}
	}
	if inside != 0 {
		return nil, usage("the command line lacks a closing %c", inside)
	}
	if begun {
		list = append(list, word.String())
	}
	return list, nil
}

// options takes the options out of a command's words: flags stand alone, and values are
// followed by a whole number above 0.
func options(args []string, flags, values []string) (rest []string, set map[string]int, err error) {
	set = map[string]int{}
	for i := 0; i < len(args); i++ {
		name, ok := strings.CutPrefix(args[i], "--")
		switch {
		case !ok:
			rest = append(rest, args[i])
		case has(flags, name):
			set[name] = 1
		case has(values, name):
			if i++; i == len(args) {
				return nil, nil, usage("--%s is followed by a number", name)
			}
			n := 0
			if _, err := fmt.Sscanf(args[i], "%d", &n); err != nil || n < 1 || fmt.Sprint(n) != args[i] {
				return nil, nil, usage("--%s %s: want a whole number above 0", name, args[i])
			}
			set[name] = n
		default:
			return nil, nil, usage("there is no option %s", args[i])
		}
	}
	return rest, set, nil
}

func has(list []string, word string) bool {
	for _, each := range list {
		if each == word {
			return true
		}
	}
	return false
}
