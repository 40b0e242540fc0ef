package sv

import (
	"context"
	"io"
)

// memory feeds frames from memory, again and again if endless, a second later each time.
type memory struct {
	list    [][]byte
	times   []int64
	endless bool
	at      int
	rounds  int64
}

func (m *memory) next(context.Context) ([]byte, int64, error) {
	if m.at == len(m.list) {
		if !m.endless {
			return nil, 0, io.EOF
		}
		m.at = 0
		m.rounds++
	}
	m.at++
	return m.list[m.at-1], m.times[m.at-1] + m.rounds*1e9, nil
}

func (m *memory) drops() int64 { return 0 }
func (m *memory) close() error { return nil }
