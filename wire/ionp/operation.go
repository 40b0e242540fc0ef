package ionp

import "fmt"

// Operation is the number of what a request asks. Numbers are stable for ever; one that
// is given up is not given again.
type Operation uint16

// Exchange is an operation together with the bodies of its request and its reply, so
// that neither side can mix them up.
type Exchange[Req, Res any] Operation

// The operations.
const (
	Hello  Exchange[HelloRequest, HelloReply]   = 0
	Login  Exchange[LoginRequest, LoginReply]   = 1
	Logout Exchange[LogoutRequest, LogoutReply] = 2

	Info     Exchange[InfoRequest, InfoReply]         = 3
	Managers Exchange[ManagersRequest, ManagersReply] = 4
	Modules  Exchange[ModulesRequest, ModulesReply]   = 5
	Module   Exchange[ModuleRequest, ModuleReply]     = 6

	Read  Exchange[ReadRequest, ReadReply]   = 7
	Write Exchange[WriteRequest, WriteReply] = 8
	Pulse Exchange[PulseRequest, PulseReply] = 9

	Program      Exchange[ProgramRequest, ProgramReply]           = 10
	TemplateSave Exchange[TemplateSaveRequest, TemplateSaveReply] = 11
	TemplateLoad Exchange[TemplateLoadRequest, TemplateLoadReply] = 12
	Snapshot     Exchange[SnapshotRequest, SnapshotReply]         = 13

	Events    Exchange[EventsRequest, EventsReply]       = 14
	EventHead Exchange[EventHeadRequest, EventHeadReply] = 15
	Recorders Exchange[RecordersRequest, RecordersReply] = 16
	Records   Exchange[RecordsRequest, RecordsReply]     = 17
	Gaps      Exchange[GapsRequest, GapsReply]           = 18
	ClearLog  Exchange[ClearLogRequest, ClearLogReply]   = 19

	Files      Exchange[FilesRequest, FilesReply]           = 20
	FileRead   Exchange[FileReadRequest, FileReadReply]     = 21
	FileWrite  Exchange[FileWriteRequest, FileWriteReply]   = 22
	FileDelete Exchange[FileDeleteRequest, FileDeleteReply] = 23

	Subscribe   Exchange[SubscribeRequest, SubscribeReply]     = 24
	Unsubscribe Exchange[UnsubscribeRequest, UnsubscribeReply] = 25

	Clock    Exchange[ClockRequest, ClockReply]       = 26
	ClockSet Exchange[ClockSetRequest, ClockSetReply] = 27
	Reset    Exchange[ResetRequest, ResetReply]       = 28

	SecurityStatus Exchange[SecurityStatusRequest, SecurityStatusReply] = 30
	UserAdd        Exchange[UserAddRequest, UserAddReply]               = 31
	UserSet        Exchange[UserSetRequest, UserSetReply]               = 32
	UserPassword   Exchange[UserPasswordRequest, UserPasswordReply]     = 33
	UserRemove     Exchange[UserRemoveRequest, UserRemoveReply]         = 34
	UserUnlock     Exchange[UserUnlockRequest, UserUnlockReply]         = 35
	SecuritySet    Exchange[SecuritySetRequest, SecuritySetReply]       = 36

	ProvisionalBegin   Exchange[ProvisionalBeginRequest, ProvisionalBeginReply]     = 37
	ProvisionalConfirm Exchange[ProvisionalConfirmRequest, ProvisionalConfirmReply] = 38
	ProvisionalCancel  Exchange[ProvisionalCancelRequest, ProvisionalCancelReply]   = 39

	Ledger Exchange[LedgerRequest, LedgerReply] = 40

	FactoryOpen  Exchange[FactoryOpenRequest, FactoryOpenReply]   = 41
	FactoryClose Exchange[FactoryCloseRequest, FactoryCloseReply] = 42
	FactoryUse   Exchange[FactoryUseRequest, FactoryUseReply]     = 43

	Sessions   Exchange[SessionsRequest, SessionsReply]     = 44
	SessionEnd Exchange[SessionEndRequest, SessionEndReply] = 45

	SecurityExport Exchange[SecurityExportRequest, SecurityExportReply] = 46
	SecurityApply  Exchange[SecurityApplyRequest, SecurityApplyReply]   = 47

	SyslogTest      Exchange[SyslogTestRequest, SyslogTestReply]           = 48
	SnapshotRestore Exchange[SnapshotRestoreRequest, SnapshotRestoreReply] = 49
	Pending         Exchange[PendingRequest, PendingReply]                 = 50
)

// Reserved for the firmware upgrade.
const (
	UpgradeStatus Operation = 60
	UpgradeBegin  Operation = 61
	UpgradeBlock  Operation = 62
	UpgradeFinish Operation = 63
)

// String returns the operation's name, as in docs/object-protocol.md.
func (o Operation) String() string {
	if name := o.name(); name != "" {
		return name
	}
	return fmt.Sprintf("operation %d", uint16(o))
}

// Known reports whether this version of the protocol has the operation.
func (o Operation) Known() bool { return o.name() != "" }

func (o Operation) name() string {
	switch o {
	case Operation(Hello):
		return "hello"
	case Operation(Login):
		return "login"
	case Operation(Logout):
		return "logout"
	case Operation(Info):
		return "info"
	case Operation(Managers):
		return "managers"
	case Operation(Modules):
		return "modules"
	case Operation(Module):
		return "module"
	case Operation(Read):
		return "read"
	case Operation(Write):
		return "write"
	case Operation(Pulse):
		return "pulse"
	case Operation(Program):
		return "program"
	case Operation(TemplateSave):
		return "template save"
	case Operation(TemplateLoad):
		return "template load"
	case Operation(Snapshot):
		return "snapshot"
	case Operation(Events):
		return "events"
	case Operation(EventHead):
		return "event head"
	case Operation(Recorders):
		return "recorders"
	case Operation(Records):
		return "records"
	case Operation(Gaps):
		return "gaps"
	case Operation(ClearLog):
		return "clear log"
	case Operation(Files):
		return "files"
	case Operation(FileRead):
		return "file read"
	case Operation(FileWrite):
		return "file write"
	case Operation(FileDelete):
		return "file delete"
	case Operation(Subscribe):
		return "subscribe"
	case Operation(Unsubscribe):
		return "unsubscribe"
	case Operation(Clock):
		return "clock"
	case Operation(ClockSet):
		return "clock set"
	case Operation(Reset):
		return "reset"
	case Operation(SecurityStatus):
		return "security status"
	case Operation(UserAdd):
		return "user add"
	case Operation(UserSet):
		return "user set"
	case Operation(UserPassword):
		return "user password"
	case Operation(UserRemove):
		return "user remove"
	case Operation(UserUnlock):
		return "user unlock"
	case Operation(SecuritySet):
		return "security set"
	case Operation(ProvisionalBegin):
		return "provisional begin"
	case Operation(ProvisionalConfirm):
		return "provisional confirm"
	case Operation(ProvisionalCancel):
		return "provisional cancel"
	case Operation(Ledger):
		return "ledger"
	case Operation(FactoryOpen):
		return "factory open"
	case Operation(FactoryClose):
		return "factory close"
	case Operation(FactoryUse):
		return "factory use"
	case Operation(Sessions):
		return "sessions"
	case Operation(SessionEnd):
		return "session end"
	case Operation(SecurityExport):
		return "security export"
	case Operation(SecurityApply):
		return "security apply"
	case Operation(Pending):
		return "pending"
	case Operation(SyslogTest):
		return "syslog test"
	case Operation(SnapshotRestore):
		return "snapshot restore"
	case UpgradeStatus:
		return "upgrade status"
	case UpgradeBegin:
		return "upgrade begin"
	case UpgradeBlock:
		return "upgrade block"
	case UpgradeFinish:
		return "upgrade finish"
	}
	return ""
}
