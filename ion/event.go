package ion

import "time"

// Priorities of the event groups (ION Reference, Event Log Controller module).
const (
	PriorityReset       = 5
	PrioritySetupChange = 10
	PriorityInputChange = 15
	PriorityIOState     = 20
	PriorityInformation = 25
	PriorityWarning     = 30
	PriorityFailure     = 255
)

// By says who asked for a change; the zero By is the meter itself.
type By struct {
	User   string // account
	Origin string // path and address, such as "modbus 10.0.0.7:50211"
}

// Event is one thing that happened: a cause and its effect, each an object
// ("Module label/Register label") with the value it had or got.
type Event struct {
	Time                time.Time
	Priority            uint8
	Cause, CauseValue   string
	Effect, EffectValue string
	By
}
