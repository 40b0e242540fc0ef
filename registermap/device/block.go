package device

// Block is a run of registers that one request reads.
type Block struct {
	Input           bool
	Address, Length int
}

// Blocks puts registers, sorted by Before, into as few reads as the device allows. at is the
// block of each, and where its bytes begin in the answer.
func (t *Type) Blocks(registers []Register) (blocks []Block, at []Place) {
	for _, r := range registers {
		last := len(blocks) - 1
		if last >= 0 {
			b := &blocks[last]
			end, next := b.Address+b.Length, r.Address()+r.Registers
			if b.Input == r.Input && r.Address() >= b.Address && r.Address()-end <= t.MaxGap && max(next, end)-b.Address <= t.MaxRead {
				b.Length = max(next, end) - b.Address
				at = append(at, Place{last, 2 * (r.Address() - b.Address)})
				continue
			}
		}
		blocks = append(blocks, Block{r.Input, r.Address(), r.Registers})
		at = append(at, Place{last + 1, 0})
	}
	return blocks, at
}

// Place is where a register stands: its block, and its first byte in the answer.
type Place struct{ Block, Byte int }

// Before orders registers as Blocks takes them.
func Before(a, b Register) int {
	switch {
	case a.Input == b.Input:
		return a.Number - b.Number
	case a.Input:
		return 1
	}
	return -1
}
