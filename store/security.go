package store

import (
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

// The state of the gate: password verifiers, lockouts, the ledger of connections. The store
// keeps bytes by names; a permission register and the verifier beside it change in one batch.

func validSecurity(security map[string][]byte) error {
	for name, state := range security {
		unprintable := strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
		if name == "" || len(name) > MaxSecurityNameBytes || unprintable {
			return fmt.Errorf("%w: security name %.80q must be 1 to %d printable ASCII characters without a blank", ErrInvalidBatch, name, MaxSecurityNameBytes)
		}
		if len(state) > MaxSecurityBytes {
			return fmt.Errorf("%w: security state %q has %d bytes, at most %d", ErrInvalidBatch, name, len(state), MaxSecurityBytes)
		}
	}
	return nil
}

// putSecurity writes what a batch brings, and refuses what would be too much in all.
func (db *database) putSecurity(b Batch) error {
	for _, name := range b.SecurityDelete {
		if err := db.run("deleting security state "+name, "DELETE FROM security WHERE name = ?1", name); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(b.Security) {
		err := db.run("writing security state "+name, "INSERT INTO security (name, state) VALUES (?1, ?2) "+
			"ON CONFLICT DO UPDATE SET state = excluded.state WHERE state <> excluded.state", name, b.Security[name])
		if err != nil {
			return err
		}
	}
	if len(b.Security) == 0 {
		return nil
	}
	return db.query("counting security state", "SELECT count(*), coalesce(sum(length(state)), 0) FROM security", func(row *sqlite3.Stmt) error {
		if names, bytes := row.ColumnInt(0), row.ColumnInt64(1); names > MaxSecurityNames || bytes > MaxSecurityTotalBytes {
			return fmt.Errorf("%w: security state of %d names and %d bytes in all, at most %d and %d: delete some", ErrInvalidBatch,
				names, bytes, MaxSecurityNames, MaxSecurityTotalBytes)
		}
		return nil
	})
}

func (db *database) readSecurity() (map[string][]byte, error) {
	security := map[string][]byte{}
	err := db.query("reading the security state", "SELECT name, state FROM security", func(row *sqlite3.Stmt) error {
		security[row.ColumnText(0)] = row.ColumnBlob(1, []byte{})
		return nil
	})
	return security, err
}
