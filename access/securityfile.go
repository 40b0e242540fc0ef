package access

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hepmeter/hepmeter/wire/routing"
)

// The security file is what is set of security, as text to be reviewed, compared and
// applied to another meter of the same generation:
//
//	hepmeter security 1
//	generation 3.x
//	set Security Options/Security Mode = LSS
//	account USER1 = read,reset,time,config,test,security,comm
//	password USER1 = $argon2id$... digits
//
// Lines that begin with # say something to people only. Password lines are in the
// meter's own copies, and in what a backup asks for: what is exported for people has none.
const securityFileHeader = "hepmeter security 1"

// Limits of a security file.
const (
	maxSecurityFile = 64 << 10
	maxSecurityLine = 1024
)

// securityFile is a security file that was read.
type securityFile struct {
	generation string
	settings   map[string]string // registers by label, without accounts
	labels     map[string]bool   // of settings, folded
	accounts   map[int]Permissions
	passwords  map[int]Verifier // 0 is the meter password
}

// noPassword stands in a security file with verifiers for an account that has none: a file
// that only leaves the line out says nothing of the password.
const noPassword = "none"

// format writes what is set. Registers stand in the order of their labels.
func (s *Security) format(passwords bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\ngeneration %s\n", securityFileHeader, s.Generation.Name)
	for _, label := range slices.Sorted(maps.Keys(s.settings)) {
		if _, account := accountOf(moduleOf(label)); !account && isGateRegister(label) {
			fmt.Fprintf(&b, "set %s = %s\n", label, s.settings[label])
		}
	}
	for _, n := range s.Numbers() {
		a := s.Accounts[n]
		fmt.Fprintf(&b, "account %s = %s\n", UserName(n), a.Boxes)
		switch {
		case passwords && a.HasPassword():
			fmt.Fprintf(&b, "password %s = %s\n", UserName(n), a.verifier)
		case passwords:
			fmt.Fprintf(&b, "password %s = %s\n", UserName(n), noPassword)
		case a.NumericPassword():
			fmt.Fprintf(&b, "# %s has a password of digits\n", UserName(n))
		case a.HasPassword():
			fmt.Fprintf(&b, "# %s has a password that clients for digits only cannot send\n", UserName(n))
		default:
			fmt.Fprintf(&b, "# %s has no password and cannot log in\n", UserName(n))
		}
	}
	if passwords && s.meterPassword.Set() {
		fmt.Fprintf(&b, "password METER = %s\n", s.meterPassword)
	}
	return b.Bytes()
}

func moduleOf(label string) string {
	module, _, _ := strings.Cut(label, "/")
	return module
}

// isGateRegister reports whether a register is part of the security file.
func isGateRegister(label string) bool {
	return strings.EqualFold(moduleOf(label), securityOptions) || strings.EqualFold(label, RegisterWebAccess) ||
		strings.EqualFold(label, routing.RegisterAccess) || strings.EqualFold(label, routing.RegisterAddresses)
}

// parseSecurityFile reads a security file. The error names the line.
func parseSecurityFile(text []byte) (*securityFile, error) {
	bad := func(line int, format string, args ...any) error {
		return refuse(CodeBadRequest, fmt.Sprintf("security file, line %d: %s", line, fmt.Sprintf(format, args...)))
	}
	if len(text) > maxSecurityFile {
		return nil, refuse(CodeBadRequest, fmt.Sprintf("a security file has at most %d bytes, this one has %d", maxSecurityFile, len(text)))
	}
	f := &securityFile{settings: map[string]string{}, labels: map[string]bool{}, accounts: map[int]Permissions{}, passwords: map[int]Verifier{}}
	number, headed := 0, false
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case len(line) > maxSecurityLine:
			return nil, bad(number, "it is longer than %d bytes", maxSecurityLine)
		case line == "" || line[0] == '#':
			continue
		case !headed:
			if line != securityFileHeader {
				return nil, bad(number, "%.40q: it begins with %q", line, securityFileHeader)
			}
			headed = true
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		name, value, assigns := strings.Cut(rest, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if word != "generation" && (!assigns || name == "") {
			return nil, bad(number, "%.60q: write `set`, `account` or `password`, a name, = and a value", line)
		}
		var err error
		switch word {
		case "generation":
			f.generation = strings.TrimSpace(rest)
		case "set":
			err = f.set(name, value)
		case "account":
			err = f.account(name, value)
		case "password":
			err = f.password(name, value)
		default:
			err = fmt.Errorf("%.20q is no word of a security file", word)
		}
		if err != nil {
			return nil, bad(number, "%v", err)
		}
	}
	if !headed || f.generation == "" {
		return nil, refuse(CodeBadRequest, "this is no security file: it names no generation")
	}
	return f, nil
}

func (f *securityFile) set(label, value string) error {
	if !isGateRegister(label) {
		return fmt.Errorf("%.60q is no register of security", label)
	}
	if f.labels[fold(label)] {
		return fmt.Errorf("%s is set twice", label)
	}
	f.labels[fold(label)] = true
	f.settings[label] = value
	return nil
}

func (f *securityFile) account(name, value string) error {
	n, ok := ParseUser(name)
	if !ok {
		return fmt.Errorf("%.60q is no account: they are USER1 to USER%d", name, maxUserNumber)
	}
	if _, twice := f.accounts[n]; twice {
		return fmt.Errorf("%s stands twice", name)
	}
	var words []string
	if value != "" {
		words = strings.Split(value, ",")
	}
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	boxes, err := ParsePermissions(words)
	f.accounts[n] = boxes
	return err
}

func (f *securityFile) password(name, value string) error {
	n := 0
	if !strings.EqualFold(name, "METER") {
		var ok bool
		if n, ok = ParseUser(name); !ok {
			return fmt.Errorf("%.60q is no account", name)
		}
	}
	if strings.EqualFold(value, noPassword) {
		f.passwords[n] = Verifier{}
		return nil
	}
	v, err := ParseVerifier(value)
	if err == nil && !v.Set() {
		err = fmt.Errorf("%s has no password: leave the line out", name)
	}
	f.passwords[n] = v
	return err
}

// plan returns what makes security that of a file: the transaction, and a line for each
// change. Registers that the file does not name stay as they are; accounts that it does
// not name go.
func (s *Security) plan(f *securityFile, passwords map[int]Verifier) (t Transaction, lines []string) {
	t.Passwords = map[int]Verifier{}
	for _, label := range slices.Sorted(maps.Keys(f.settings)) {
		was, is := s.settings[labelIn(s.settings, label)], f.settings[label]
		if !strings.EqualFold(was, is) {
			t.Changes = append(t.Changes, Change{Kind: Set, Object: label, Text: is})
			lines = append(lines, fmt.Sprintf("%s: %s -> %s", label, was, is))
		}
	}
	for _, n := range s.Numbers() {
		if _, stays := f.accounts[n]; !stays {
			t.Changes = append(t.Changes, Change{Kind: Delete, Object: userModule(n)})
			t.Passwords[n] = Verifier{}
			lines = append(lines, UserName(n)+": removed")
		}
	}
	for _, n := range slices.Sorted(maps.Keys(f.accounts)) {
		boxes := f.accounts[n]
		a, there := s.Accounts[n]
		v, given := passwords[n]
		switch {
		case !there:
			t.Changes = append(t.Changes, Change{Kind: Create, Object: userModule(n), Text: securityUser, Number: n})
			t.Changes = append(t.Changes, boxChanges(n, boxes, allPermissions)...)
			lines = append(lines, fmt.Sprintf("%s: added with %s", UserName(n), orNothing(boxes)))
			if !given || !v.Set() {
				lines = append(lines, UserName(n)+": has no password, and cannot log in until it is given one")
			}
		case a.Boxes != boxes:
			t.Changes = append(t.Changes, boxChanges(n, boxes, a.Boxes^boxes)...)
			lines = append(lines, fmt.Sprintf("%s: %s -> %s", UserName(n), orNothing(a.Boxes), orNothing(boxes)))
		}
		switch {
		case !given || v == a.verifier:
		case v.Set():
			t.Passwords[n] = v
			lines = append(lines, UserName(n)+": new password")
		default:
			t.Passwords[n] = v
			lines = append(lines, UserName(n)+": has no password any more, and cannot log in until it is given one")
		}
	}
	if v, given := passwords[0]; given && v != s.meterPassword {
		t.Passwords[0] = v
		lines = append(lines, "meter password: new")
	}
	// The mode last: what it rests on is there then.
	slices.SortStableFunc(t.Changes, func(a, b Change) int { return modeLast(a) - modeLast(b) })
	return t, lines
}

func modeLast(c Change) int {
	if strings.EqualFold(c.Object, RegisterMode) {
		return 1
	}
	return 0
}

func labelIn(settings map[string]string, label string) string {
	for known := range settings {
		if strings.EqualFold(known, label) {
			return known
		}
	}
	return label
}

func orNothing(p Permissions) string {
	if p == 0 {
		return "no permission"
	}
	return p.String()
}

// ExportSecurity returns the security file, without passwords.
func (s *Session) ExportSecurity() (string, error) {
	if err := s.permit(ReadSecurity, "security file"); err != nil {
		return "", err
	}
	return string(s.gate().Security().format(false)), nil
}

// ExportVerifiers returns the security file with the verifiers of all passwords, for a
// backup. They are no passwords, but can be guessed against: like a snapshot, which has them
// too, it needs Security Config Access, and the log tells who took it.
func (s *Session) ExportVerifiers() (string, error) {
	const target = "security file with password verifiers"
	if err := s.permit(ReadSecurity, target); err != nil {
		return "", err
	}
	s.note(Record{Kind: OperationDone, Operation: ReadSecurity, Target: target, Is: "exported"})
	return string(s.gate().Security().format(true)), nil
}

// ApplySecurity makes security that of a file of the same generation; passwords of
// accounts are given beside it, by name. It returns a line for each change. With rehearse
// nothing is changed.
func (s *Session) ApplySecurity(ctx context.Context, text string, passwords map[string]string, rehearse bool) ([]string, error) {
	if err := s.permit(AdministerSecurity, "security file"); err != nil {
		return nil, err
	}
	file, err := parseSecurityFile([]byte(text))
	if err != nil {
		return nil, err
	}
	security := s.gate().Security()
	if file.generation != security.Generation.Name {
		return nil, refuse(CodeNotInThisFirmware, fmt.Sprintf("the file is of generation %s, and this meter is of %s", file.generation, security.Generation.Name)).of(AdministerSecurity)
	}
	verifiers := maps.Clone(file.passwords)
	for name, password := range passwords {
		n, ok := ParseUser(name)
		if _, named := file.accounts[n]; !ok || !named {
			return nil, refuse(CodeNoSuchAccount, fmt.Sprintf("a password is given for %q, which the file does not name", clean(name))).of(AdministerSecurity)
		}
		if verifiers[n], err = s.hash(ctx, password); err != nil {
			return nil, err
		}
	}
	t, lines := security.plan(file, verifiers)
	if len(lines) == 0 {
		return nil, nil
	}
	if rehearse || len(t.Changes) > 0 || len(t.Passwords) > 0 {
		err = s.transact(ctx, t, rehearse)
	}
	return lines, err
}
