package ionp

// EventsRequest asks for events, page by page, with the chain that proves them whole.
type EventsRequest struct {
	// From is the first sequence number wanted; 0 for the oldest kept.
	From uint64 `cbor:"1,keyasint,omitempty"`
	// Limit is how many to return at most; 0 leaves it to the meter.
	Limit uint32 `cbor:"2,keyasint,omitempty"`
}

func (r *EventsRequest) check() error { return number("limit", r.Limit, 0, MaxPage) }

// EventsReply is a page of events.
type EventsReply struct {
	// Events are in the order of their numbers.
	Events []Event `cbor:"1,keyasint,omitempty"`
	// First is the oldest sequence number kept.
	First uint64 `cbor:"2,keyasint,omitempty"`
	// Next is From of the next page: that of the event yet to come after the last page.
	Next uint64 `cbor:"3,keyasint,omitempty"`
	// PreviousHash is the hash of the event before the first one returned, 32 bytes; empty
	// where there is none.
	PreviousHash []byte `cbor:"4,keyasint,omitempty"`
}

// Event is a record of the event log.
type Event struct {
	Sequence uint64 `cbor:"1,keyasint"`
	// Time is in ns since 1970 UTC.
	Time        int64  `cbor:"2,keyasint"`
	Priority    uint32 `cbor:"3,keyasint"`
	Cause       string `cbor:"4,keyasint,omitempty"`
	CauseValue  string `cbor:"5,keyasint,omitempty"`
	Effect      string `cbor:"6,keyasint,omitempty"`
	EffectValue string `cbor:"7,keyasint,omitempty"`
	// User is whose permissions were used; empty for the meter itself.
	User string `cbor:"8,keyasint,omitempty"`
	// Origin is the path and address of the client.
	Origin string `cbor:"9,keyasint,omitempty"`
	// Hash is that of this event and the hash before it, 32 bytes.
	Hash []byte `cbor:"10,keyasint,omitempty"`
}

// EventHeadRequest asks for the signed head of the event log.
type EventHeadRequest struct{}

// EventHeadReply is the signed head of the event log.
type EventHeadReply struct {
	Serial   string `cbor:"1,keyasint,omitempty"`
	Sequence uint64 `cbor:"2,keyasint"`
	// Time is when it was signed, in ns since 1970 UTC.
	Time int64  `cbor:"3,keyasint"`
	Hash []byte `cbor:"4,keyasint,omitempty"`
	// Signature is Ed25519 (RFC 8032), 64 bytes.
	Signature []byte `cbor:"5,keyasint,omitempty"`
	// PublicKey is the device key, 32 bytes.
	PublicKey []byte `cbor:"6,keyasint,omitempty"`
}

// RecordersRequest asks for the data logs.
type RecordersRequest struct{}

// RecordersReply lists the data logs.
type RecordersReply struct {
	Recorders []Recorder `cbor:"1,keyasint,omitempty"`
}

// Recorder is a data log.
type Recorder struct {
	Label string `cbor:"1,keyasint"`
	// First is the oldest sequence number kept, Next that of the record to come.
	First   uint64   `cbor:"2,keyasint,omitempty"`
	Next    uint64   `cbor:"3,keyasint,omitempty"`
	Count   uint64   `cbor:"4,keyasint,omitempty"`
	Columns []Column `cbor:"5,keyasint,omitempty"`
}

// Column is what a data log records.
type Column struct {
	// Register is the label of the register.
	Register string `cbor:"1,keyasint"`
	Unit     string `cbor:"2,keyasint,omitempty"`
}

// RecordsRequest asks for records of a data log, page by page.
type RecordsRequest struct {
	// Recorder is the label of the data log.
	Recorder string `cbor:"1,keyasint,omitempty"`
	// From is the first sequence number wanted; 0 for the oldest kept.
	From uint64 `cbor:"2,keyasint,omitempty"`
	// Limit is how many to return at most; 0 leaves it to the meter.
	Limit uint32 `cbor:"3,keyasint,omitempty"`
}

func (r *RecordsRequest) check() error {
	return first(required("recorder", r.Recorder, MaxLabel), number("limit", r.Limit, 0, MaxPage))
}

// RecordsReply is a page of records.
type RecordsReply struct {
	Columns []Column `cbor:"1,keyasint,omitempty"`
	// Records are in the order of their numbers.
	Records []LogRecord `cbor:"2,keyasint,omitempty"`
	// Next is From of the next page: that of the record yet to come after the last page.
	Next uint64 `cbor:"3,keyasint,omitempty"`
}

// LogRecord is a record of a data log.
type LogRecord struct {
	Sequence uint64 `cbor:"1,keyasint"`
	// Time is in ns since 1970 UTC.
	Time int64 `cbor:"2,keyasint"`
	// Values are in the order of the columns.
	Values []Value `cbor:"3,keyasint,omitempty"`
}

// GapsRequest asks when the meter did not run.
type GapsRequest struct{}

// GapsReply lists when the meter did not run.
type GapsReply struct {
	Gaps []Gap `cbor:"1,keyasint,omitempty"`
}

// Gap is a time in which the meter did not run, in ns since 1970 UTC.
type Gap struct {
	From int64 `cbor:"1,keyasint"`
	To   int64 `cbor:"2,keyasint"`
	// Clean is set where the meter had been stopped in order.
	Clean bool `cbor:"3,keyasint"`
}

// ClearLogRequest erases a log.
type ClearLogRequest struct {
	// Log is "events" or the label of a data log.
	Log string `cbor:"1,keyasint,omitempty"`
}

func (r *ClearLogRequest) check() error { return required("log", r.Log, MaxLabel) }

// ClearLogReply says that the log is empty.
type ClearLogReply struct{}
