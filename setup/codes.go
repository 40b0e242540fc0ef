package setup

// The tool's own reason codes. The meter's are listed by the meter (docs/refusals.md has
// both); those that both have mean the same.
const (
	CodeUsage             = "usage"
	CodeCannotConnect     = "cannot-connect"
	CodeNotAMeter         = "not-a-meter"
	CodeConnectionLost    = "connection-lost"
	CodeTimeout           = "timeout"
	CodeInterrupted       = "interrupted"
	CodeFailed            = "tool-failed"
	CodeFile              = "file"
	CodeNoSuchRegister    = "no-such-register"
	CodeAmbiguous         = "ambiguous-register"
	CodePasswordNeeded    = "password-needed"
	CodePasswordRule      = "password-rule"
	CodeLegacyInUse       = "legacy-in-use"
	CodeAlreadyHard       = "already-hardened"
	CodeBackupDamaged     = "backup-damaged"
	CodeCutOff            = "cut-off"
	CodeWrongModel        = "wrong-model"
	CodeNotFresh          = "not-fresh"
	CodeLogEdited         = "log-edited"
	CodeNotConfirmed      = "not-confirmed"
	CodeNotInThisFirmware = "not-in-this-firmware"
)

// CodeInfo is one line of the page of refusals.
type CodeInfo struct {
	Code     string
	Kind     Kind
	Sentence string
	Remedy   string
}

// Codes lists every code that the tool itself gives.
func Codes() []CodeInfo {
	return []CodeInfo{
		{CodeUsage, Usage, "the command line makes no sense", "see the command's --help, which has an example"},
		{CodeCannotConnect, Unreachable, "nothing answers at this address", "check the address and the port, that the meter runs, and that Ethernet/Enable ION is on"},
		{CodeNotAMeter, Unreachable, "what answers there does not speak the object protocol", "give the port of the object protocol: 7700 unless it was changed"},
		{CodeConnectionLost, Failed, "the connection broke before the meter had answered", "look whether it was done (the event log tells) before you do it again"},
		{CodeTimeout, Failed, "the meter did not answer in time", "try again with a longer --timeout; look whether it was done before you repeat a change"},
		{CodeInterrupted, Failed, "interrupted", "look whether it was done before you repeat a change"},
		{CodeFailed, Failed, "it could not be done", "see the reason"},
		{CodeFile, Precondition, "a file cannot be read or written", "check its name and your rights to it"},
		{CodeNoSuchRegister, Precondition, "the meter has no such register", "list what there is with `hepsetup modules list` and `hepsetup modules show`"},
		{CodeAmbiguous, Precondition, "several registers end with this name", "write more of the name, up to `Module label/Register label`"},
		{CodePasswordNeeded, Precondition, "a password is needed, and there is nobody to ask", "give --password-file or the environment variable HEPSETUP_PASSWORD; for a new password --new-password-file or HEPSETUP_NEW_PASSWORD"},
		{CodePasswordRule, Precondition, "the password does not follow the rule", "use up to 8 digits without a leading zero, or up to 6 characters of ASCII 33 to 126 of which one is no digit; 0 is valid"},
		{CodeLegacyInUse, Precondition, "clients that name no user were here lately, and would be cut off", "move them to accounts first (`hepsetup security assess` lists them), or cut them off with --force"},
		{CodeAlreadyHard, Precondition, "legacy security support is off already", "nothing needs to be done; see `hepsetup security show`"},
		{CodeCutOff, Failed, "the change is made, and the meter cannot be reached any more this way to confirm it", "confirm it on another path, or the meter takes it back"},
		{CodeBackupDamaged, Precondition, "the backup is damaged or is none", "use another copy of it"},
		{CodeWrongModel, Precondition, "this is of another model of meter", "use one that was made on a meter of the same model"},
		{CodeNotFresh, Precondition, "the meter is not as it left the factory", "leave out --into-new to write setup, template and accounts over what it has"},
		{CodeLogEdited, Failed, "the log is not as the meter wrote it", "take it from the meter again, and find out who had it in between"},
		{CodeNotConfirmed, Precondition, "it was not confirmed", "answer y, or give --yes"},
		{CodeNotInThisFirmware, Precondition, "this firmware does not have that", "see docs/security.md for what each generation has"},
	}
}
