package access

// Enabled reports whether a Boolean register such as Ethernet/Enable Modbus TCP lets a
// service take new connections, as the newest picture has it; ON where there is no such
// register, or no picture yet. Connections that are there go on: switching a protocol off
// stops new sockets only (security.md 7.1).
func (g *Gate) Enabled(register string) bool {
	v := g.value(register)
	return v.Kind != KindBoolean || !v.Available || v.Number != 0
}

// value is what a register holds in the newest picture; KindNone where there is none.
func (g *Gate) value(register string) Value {
	registers := g.options.Registers
	// The layout may change while we look; a second look then sees the new one.
	for range 3 {
		before := registers.Snapshot()
		if before == nil {
			break
		}
		point := registers.Find(register)
		now := registers.Snapshot()
		if now.Layout() == before.Layout() {
			return now.Value(point)
		}
	}
	return Value{}
}
