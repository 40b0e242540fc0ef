package access

// Enabled reports whether a Boolean register such as Ethernet/Enable Modbus TCP lets a
// service take new connections, as the newest picture has it; ON where there is no such
// register, or no picture yet. Connections that are there go on: switching a protocol off
// stops new sockets only (security.md 7.1).
func (g *Gate) Enabled(register string) bool {
	registers := g.options.Registers
	// The layout may change while we look; a second look then sees the new one.
	for range 3 {
		before := registers.Snapshot()
		if before == nil {
			return true
		}
		point := registers.Find(register)
		now := registers.Snapshot()
		if now.Layout() == before.Layout() {
			v := now.Value(point)
			return v.Kind != KindBoolean || !v.Available || v.Number != 0
		}
	}
	return true
}
