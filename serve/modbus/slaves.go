package modbus

import (
	"encoding/binary"
	"fmt"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
)

// slaves are the Modbus Slave modules of a layout. What they serve, and where, is in their
// registers, so that it belongs to the snapshot as every row of the map does.
type slaves []slaveModule

type slaveModule struct {
	label             string
	base, format, end access.Point
	values            [registermap.SlaveSlots]access.Point
}

// findSlaves looks the modules up.
func findSlaves(view access.View) (all slaves) {
	for _, label := range view.Modules(registermap.SlaveType) {
		point := func(register string) access.Point { return view.Find(label + "/" + register) }
		s := slaveModule{label: label, base: point(registermap.SlaveBase), format: point(registermap.SlaveFormat), end: point(registermap.SlaveEnd)}
		for i := range s.values {
			s.values[i] = point(registermap.SlaveRegister(i + 1))
		}
		all = append(all, s)
	}
	return all
}

// inputs are the registers of a Modbus Slave module that clients write.
type inputs struct {
	label         string
	address, last int // wire addresses
}

// place puts what the modules serve into the image.
func (all slaves) place(built *image, snapshot access.Snapshot, formats []registermap.Format, unassigned *page) {
	for i := range all {
		s := &all[i]
		base, format, end := snapshot.Value(s.base), snapshot.Value(s.format), snapshot.Value(s.end)
		if !base.Available || !format.Available || !end.Available || int(format.Number) >= len(formats) {
			continue
		}
		f := formats[int(format.Number)]
		first, last := int(base.Number)-1, int(end.Number)-1
		if first < 0 || last >= 65536 {
			continue
		}
		if f.Written {
			built.inputs = append(built.inputs, inputs{s.label, first, last})
		}
		width := f.Type.Registers()
		if f.Packed {
			width = 1
		}
		for slot, at := 0, first; slot < len(s.values) && at+width-1 <= last; slot, at = slot+1, at+width {
			var room [4]byte
			encoded := room[:2*width]
			v := snapshot.Value(s.values[slot])
			switch {
			case f.Packed:
				binary.BigEndian.PutUint16(encoded, uint16(v.Number)) // each bit stands for itself
			case !v.Available || !f.Type.PutNumber(encoded, v.Number):
				f.Type.PutNotAvailable(encoded)
			}
			built.put(at, encoded, unassigned)
		}
	}
}

// put puts registers at a wire address, on pages of the image's own.
func (m *image) put(address int, encoded []byte, unassigned *page) {
	for len(encoded) > 0 {
		p := &m.pages[address/pageRegisters]
		if *p == unassigned {
			fresh := *unassigned
			*p = &fresh
		}
		n := copy((*p)[2*(address%pageRegisters):], encoded)
		encoded = encoded[n:]
		address += n / 2
	}
}

// input is what writing a register of a Modbus Slave module amounts to; ok is false for an
// address that is none of such.
func (m *image) input(address int, data []byte) (change access.Change, ok bool) {
	for _, in := range m.inputs {
		if address < in.address || address > in.last {
			continue
		}
		label := in.label + "/" + registermap.SlaveRegister(address-in.address+1)
		change = access.Change{Kind: access.Write, Object: label, Target: fmt.Sprintf("register %d %s", address+1, label)}
		x, ok := registermap.UINT16.Number(data)
		if !ok {
			change.Fault = fmt.Errorf("%s: % X: %w", change.Target, data, access.ErrValue)
		}
		change.Value = access.Value{Kind: access.KindNumber, Available: ok, Number: x}
		return change, true
	}
	return access.Change{}, false
}
