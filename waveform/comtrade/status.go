package comtrade

import "fmt"

// StatusChange is a status channel that went on or off at a sample.
type StatusChange struct {
	// Sample counts from 0.
	Sample int64
	// Channel is the index in Config.Status.
	Channel int
	On      bool
}

// maxStatusChanges bounds what StatusChanges holds.
const maxStatusChanges = 1 << 20

// StatusChanges reads the status channels of the whole record: which are on at
// sample 0, and every change after it. It does not disturb Next.
func (r *Reader) StatusChanges() (initial []bool, changes []StatusChange, err error) {
	n := len(r.cfg.Status)
	initial = make([]bool, n)
	if n == 0 {
		return initial, nil, nil
	}
	before := make([]uint16, statusLayout(n).words())
	err = r.rows.statuses(0, r.time.rows, func(row int64, words []uint16) error {
		for w, word := range words {
			changed := word ^ before[w]
			if changed == 0 {
				continue
			}
			before[w] = word
			for bit := 0; bit < 16 && w*16+bit < n; bit++ {
				if changed>>bit&1 == 0 {
					continue
				}
				on := word>>bit&1 == 1
				if row == 0 {
					initial[w*16+bit] = on
					continue
				}
				if len(changes) == maxStatusChanges {
					return fmt.Errorf("more than %d changes of status channels", maxStatusChanges)
				}
				changes = append(changes, StatusChange{row, w*16 + bit, on})
			}
		}
		return nil
	})
	return initial, changes, err
}
