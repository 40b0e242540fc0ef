package access

import "slices"

// CodeInfo is one line of the page of refusals (docs/refusals.md).
type CodeInfo struct {
	Code     Code
	Sentence string // what it means
	Remedy   string // what to do
}

// Codes lists every code with which the meter refuses.
func Codes() []CodeInfo { return slices.Clone(codes[:]) }

var codes = [...]CodeInfo{
	{CodeNoPermission, "the account does not have the right to do this", "ask someone with Security Config Access to grant it"},
	{CodeBadCredentials, "the user name or the password is wrong", "check both, and how this meter wants them; a locked account answers the same, and the event log says which it was"},
	{CodeCredentialsNeeded, "this needs a password", "give the password of an account; under LSS and Standard a password without a user name will do"},
	{CodeUserNeeded, "in Advanced security every request names its user", "give a user name such as USER1 with its password"},
	{CodeSessionEnded, "the session has ended: it was idle, the account was changed, or someone ended it", "log in again"},
	{CodeOwnAccount, "nobody changes the permissions of the account he is connected with, or deletes it", "connect with another account that has Security Config Access"},
	{CodePasswordRule, "the password does not follow the rule", "use up to 8 digits without a leading zero, or up to 6 characters of ASCII 33 to 126 of which one is no digit; 0 is valid"},
	{CodeNotOnThisPath, "this path cannot do that", "use the object protocol, for example with hepsetup"},
	{CodeNotInThisMode, "this does not exist in the security mode that is set", "see `hepsetup security show` for the mode and what it offers"},
	{CodeNotInThisFirmware, "this firmware does not have that", "see docs/access.md for what each generation has"},
	{CodeMapClosed, "the Modbus map is closed", "set Security Options/Modbus Map Access to Read Only, or use ION over Modbus with an account"},
	{CodeMapReadOnly, "the Modbus map cannot be written", "set Security Options/Modbus Map Access to Read/Write (in LSS User1 needs Full Meter Config Access, too; in Advanced the map is never written)"},
	{CodeGatewayClosed, "the Modbus gateway is closed to this client", "set Modbus Gateway/Access to Read Only or Read/Write, and have its address in Modbus Gateway/Allowed Addresses, or nobody's"},
	{CodeGatewayReadOnly, "this client may only read from the devices behind the Modbus gateway", "set Modbus Gateway/Access to Read/Write, and see that Modbus Gateway/Allowed Addresses does not have its address with =ro"},
	{CodeSetupClosed, "setup is switched off on this path", "use the object protocol, for example with hepsetup, or have someone with the right switch it on: Security Options/Web Configuration, Display Options/Front Panel Programming"},
	{CodeNoAdministrator, "no account could change security any more", "leave Security Config Access and Read Access with one account that has a password"},
	{CodeNoSuchAccount, "there is no such account", "see `hepsetup users list` for the accounts"},
	{CodeAccountExists, "the account is there already", "choose another number, or let the meter take the lowest free one"},
	{CodeAccountLimit, "the meter has as many accounts as it can hold", "remove an account that is not needed"},
	{CodeConfirmPending, "security changes wait for their confirmation", "confirm them with `hepsetup security confirm`, or wait until they return"},
	{CodeNothingPending, "no security change waits for a confirmation", "nothing needs to be done; the event log tells whether one was returned"},
	{CodeFactoryClosed, "factory access is closed, or the diagnostic code is wrong, used or expired", "have someone with Security Config Access open it anew"},
	{CodeBusy, "too many passwords are being checked", "try again in a second"},
	{CodeConnectionsUsed, "all connections of this service are in use", "close one that is not needed, or end one with an administrator's account; one more is kept for a named user"},
	{CodeNotWritable, "this cannot be written", "see docs/modules.md and docs/register-map.md for what can"},
	{CodeBadValue, "the register cannot take this value", "see the limits of the register: `hepsetup modules show`"},
	{CodeNoSpace, "there is no room for it in the meter", "delete files that are not needed"},
	{CodeNotFound, "there is nothing of that name", "list what there is: `hepsetup modules list`, `hepsetup read`"},
	{CodeBadRequest, "the request makes no sense to the meter", "see docs/object-protocol.md for its form"},
	{CodeUnknownOperation, "this meter has no such operation", "see docs/object-protocol.md for what there is, and the protocol version in the answer to the hello"},
	{CodeTooLarge, "the request, or what it asks for, is too long", "ask for less at once; before a hello or a login a request has at most 1,024 bytes"},
	{CodeWrongModel, "this is of another model of meter", "use one that was made on a meter of the same model"},
	{CodeNotFresh, "the meter is not as it left the factory", "start with a fresh one (an empty data directory), or restore without --into-new, which leaves what it counted"},
	{CodeSnapshotDamaged, "the snapshot is damaged, or is none", "use another copy, or make a new one; `hepmeter check` names what is damaged"},
	{CodeFailed, "the meter could not do it", "see the reason, and the event log"},
}
