package store

import (
	"crypto/ed25519"
	"fmt"
	"io"

	"github.com/ncruces/go-sqlite3"
)

// The key of the device. What a meter signs with it can be told from what another meter,
// or anybody who has a copy of its state, made up. So it never leaves the directory: a
// snapshot and an export go without, and what is imported gets its own at its first start.

// DeviceKey returns the private key of this meter, which it keeps from its first start on.
func (s *Store) DeviceKey() ed25519.PrivateKey { return s.key }

// keepKey returns the key of the store, and makes one where there is none.
func (db *database) keepKey(random io.Reader) (ed25519.PrivateKey, error) {
	seed, err := db.readKey()
	if err != nil {
		return nil, err
	}
	if seed == nil {
		seed = make([]byte, ed25519.SeedSize)
		if _, err := io.ReadFull(random, seed); err != nil {
			return nil, fmt.Errorf("making the key of the device: %w", err)
		}
		if err := db.run("keeping the key of the device", "INSERT INTO device (id, key) VALUES (1, ?1)", seed); err != nil {
			return nil, err
		}
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// readKey returns the seed of the key, nil if there is none.
func (db *database) readKey() (seed []byte, err error) {
	err = db.query("reading the key of the device", "SELECT key FROM device", func(row *sqlite3.Stmt) error {
		seed = row.ColumnBlob(0, []byte{})
		return nil
	})
	if err == nil && seed != nil && len(seed) != ed25519.SeedSize {
		err = corruptError(fmt.Errorf("%s: table device has a key of %d bytes, not %d", db.path, len(seed), ed25519.SeedSize))
	}
	return seed, err
}

// dropKey takes the key out of a copy, which may be of a schema that had none.
func (db *database) dropKey() error {
	keeps := false
	err := db.query("looking for the key of the device", "SELECT count(*) FROM sqlite_schema WHERE name = 'device'", func(row *sqlite3.Stmt) error {
		keeps = row.ColumnInt(0) > 0
		return nil
	})
	if err != nil || !keeps {
		return err
	}
	return db.run("leaving out the key of the device", "DELETE FROM device")
}
