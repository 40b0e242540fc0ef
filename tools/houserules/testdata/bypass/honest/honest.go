// Package honest serves what its session may.
package honest

import "github.com/hepmeter/hepmeter/access"

func read(s *access.Session, label string) (access.Value, error) {
	view, err := s.Registers(access.Readings)
	if err != nil {
		return access.Value{}, err
	}
	snapshot, err := view.Snapshot()
	if err != nil {
		return access.Value{}, err
	}
	return snapshot.Value(view.Find(label)), nil
}
