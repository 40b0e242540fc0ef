package fault

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Counters are what has passed a proxy so far.
type Counters struct {
	Connections, Requests, Replies uint64
	// Unframed are the bytes that could not be cut into frames, and passed as they came.
	Unframed uint64
	// Refused are connections beyond the limit, Unreachable those for which the device
	// could not be reached.
	Refused, Unreachable uint64
	Faults               []Count // a row for each rule of the scenario
}

// Count is what became of one rule.
type Count struct {
	Rule Rule
	// Seen are the frames (or connections) that it could have struck, Fired those that it did.
	Seen, Fired uint64
}

// Fired returns how often any fault has struck.
func (c Counters) Fired() uint64 {
	var n uint64
	for _, f := range c.Faults {
		n += f.Fired
	}
	return n
}

// Check is an error if no fault has struck: then a test has shown nothing.
func (c Counters) Check() error {
	if c.Fired() > 0 {
		return nil
	}
	return fmt.Errorf("no fault fired in %d connections, %d requests and %d replies: what was tested has met no fault; let the scenario match this traffic, or send more", c.Connections, c.Requests, c.Replies)
}

// Write writes the counters for people.
func (c Counters) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "connections\t%d\nrequests\t%d\nreplies\t%d\n", c.Connections, c.Requests, c.Replies)
	for _, row := range []struct {
		name string
		n    uint64
	}{{"bytes outside frames", c.Unframed}, {"connections refused", c.Refused}, {"device unreachable", c.Unreachable}} {
		if row.n > 0 {
			fmt.Fprintf(table, "%s\t%d\n", row.name, row.n)
		}
	}
	for _, f := range c.Faults {
		on := string(f.Rule.On)
		if on == "" {
			on = "all"
		}
		fmt.Fprintf(table, "line %d: %s on %s\tfired %d of %d\n", f.Rule.Line, f.Rule.Fault, on, f.Fired, f.Seen)
	}
	return table.Flush()
}
