package modbus

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/hepmeter/hepmeter/access"
	"github.com/hepmeter/hepmeter/registermap"
	"github.com/hepmeter/hepmeter/wire/modbus"
)

// The register space is kept in pages of 256 registers, so that an image is as
// small as the map and not as large as the space.
const (
	pageRegisters = 256
	pageBytes     = 2 * pageRegisters
	pages         = 65536 / pageRegisters
)

type page [pageBytes]byte

// image is the whole map encoded from one snapshot. It never changes, so any number
// of connections read it without a lock, and every answer comes from one instant.
type image struct {
	seq            uint64
	pages          [pages]*page
	identification []modbus.DeviceIDObject
	inputs         []inputs
}

// appendRegisters appends the bytes of quantity registers from a wire address.
func (m *image) appendRegisters(dst []byte, address, quantity int) []byte {
	for quantity > 0 {
		offset := address % pageRegisters
		n := min(quantity, pageRegisters-offset)
		dst = append(dst, m.pages[address/pageRegisters][2*offset:2*(offset+n)]...)
		address += n
		quantity -= n
	}
	return dst
}

// imager keeps the image of the newest snapshot that somebody asked for.
type imager struct {
	rows       []registermap.Row
	objects    []registermap.Object
	switches   []string    // registers that are OFF while their rows are out of the map
	switchOf   []int       // of each row
	unassigned *page       // all 0xFF, shared by every image
	used       [pages]bool // pages that have a row
	formats    []registermap.Format

	newest atomic.Pointer[image]

	building sync.Mutex // guards what follows
	layout   uint64
	found    bool
	points   [][]access.Point // of the sources of each row, in layout
	named    []access.Point   // of each identification object
	switched []access.Point   // of each switch
	slaves   slaves
	off      []bool         // each switch, in the image that is being built
	values   []access.Value // of one row
}

func newImager(layout *registermap.Map) *imager {
	m := &imager{rows: layout.Rows, objects: layout.Identification, unassigned: new(page), formats: registermap.Formats()}
	for i := range m.unassigned {
		m.unassigned[i] = 0xFF
	}
	for _, r := range m.rows {
		for a := r.Address(); a < r.Address()+r.Registers; a++ {
			m.used[a/pageRegisters] = true
		}
	}
	m.assignSwitches(layout.Mappings())
	return m
}

// assignSwitches finds the switch of each row: its Data Mapping's, or for a row without
// one the last switch, which the first Data Mapping has.
func (m *imager) assignSwitches(mappings []registermap.Mapping) {
	of := map[string]int{"": len(mappings)}
	for i, mapping := range mappings {
		of[mapping.Label] = i
		m.switches = append(m.switches, mapping.Label+"/"+registermap.EnableModbus)
	}
	if len(mappings) > 0 {
		m.switches = append(m.switches, mappings[0].Label+"/"+registermap.EnableUnmapped)
	}
	for _, r := range m.rows {
		m.switchOf = append(m.switchOf, of[r.Mapping])
	}
	m.off = make([]bool, len(mappings)+1)
}

// unmappedSwitch is the register that is OFF while the rows without a Data Mapping are out
// of the map; empty if there is none.
func (m *imager) unmappedSwitch() string {
	if len(m.switches) == 0 {
		return ""
	}
	return m.switches[len(m.switches)-1]
}

var errNoSnapshot = errors.New("the meter has no registers to show yet")

// current returns the image of the view's newest snapshot, building it if nobody
// has asked since that snapshot was taken.
func (m *imager) current(view access.View) (*image, error) {
	snapshot, err := view.Snapshot()
	if err != nil {
		return nil, err
	}
	if snapshot == nil {
		return nil, errNoSnapshot
	}
	if newest := m.newest.Load(); newest != nil && newest.seq >= snapshot.Seq() {
		return newest, nil
	}
	m.building.Lock()
	defer m.building.Unlock()
	if newest := m.newest.Load(); newest != nil && newest.seq >= snapshot.Seq() {
		return newest, nil // another connection was quicker
	}
	if !m.found || m.layout != snapshot.Layout() {
		if snapshot, err = m.find(view, snapshot); err != nil {
			return nil, err
		}
	}
	built := m.build(snapshot)
	m.newest.Store(built)
	return built, nil
}

// find looks up the points of every row, and returns a snapshot of the layout in
// which they hold.
func (m *imager) find(view access.View, snapshot access.Snapshot) (access.Snapshot, error) {
	// The layout may change while we look; a second look then sees the new one. A
	// meter that is rebuilt faster than that is not one to take readings from.
	for range 3 {
		layout := snapshot.Layout()
		points := make([][]access.Point, len(m.rows))
		for i, r := range m.rows {
			for _, s := range r.Sources {
				points[i] = append(points[i], view.Find(s.From))
			}
		}
		switched := make([]access.Point, len(m.switches))
		for i, label := range m.switches {
			switched[i] = view.Find(label)
		}
		found := findSlaves(view)
		named := make([]access.Point, len(m.objects))
		for i, o := range m.objects {
			named[i] = view.Find(o.Source)
		}
		var err error
		if snapshot, err = view.Snapshot(); err != nil {
			return nil, err
		}
		if snapshot.Layout() == layout {
			m.points, m.named, m.switched, m.slaves, m.layout, m.found = points, named, switched, found, layout, true
			return snapshot, nil
		}
	}
	return nil, errors.New("the registers are being rearranged; ask again")
}

func (m *imager) build(snapshot access.Snapshot) *image {
	built := &image{seq: snapshot.Seq()}
	for i := range built.pages {
		built.pages[i] = m.unassigned
		if m.used[i] {
			fresh := *m.unassigned
			built.pages[i] = &fresh
		}
	}
	for i, p := range m.switched {
		v := snapshot.Value(p)
		m.off[i] = v.Kind == access.KindBoolean && v.Available && v.Number == 0
	}
	var buffer [2 * 125]byte // the longest row that the map's schema allows
	for i := range m.rows {
		row := &m.rows[i]
		if m.off[m.switchOf[i]] {
			continue // an unassigned register
		}
		m.values = m.values[:0]
		for _, p := range m.points[i] {
			m.values = append(m.values, snapshot.Value(p))
		}
		encoded := buffer[:2*row.Registers]
		encode(encoded, row, m.values)
		built.put(row.Address(), encoded, m.unassigned)
	}
	m.slaves.place(built, snapshot, m.formats, m.unassigned)
	built.identification = m.identify(snapshot)
	return built
}

// identify returns the objects of Read Device Identification. One whose register
// has no text is there, and empty.
func (m *imager) identify(snapshot access.Snapshot) []modbus.DeviceIDObject {
	objects := make([]modbus.DeviceIDObject, len(m.objects))
	for i, o := range m.objects {
		objects[i] = modbus.DeviceIDObject{ID: o.ID, Text: o.Text}
		v := snapshot.Value(m.named[i])
		if v.Available && (v.Kind == access.KindText || v.Kind == access.KindEnum) {
			objects[i].Text = v.Text
		}
	}
	return objects
}
