package master

import (
	"bytes"
	"time"

	"github.com/hepmeter/hepmeter/wire/modbus"
)

// cacheEntries bounds the cache of a bus.
const cacheEntries = 256

// readLength is the length of a PDU of functions 1 to 4.
const readLength = 5

// readKey is a read of functions 1 to 4, of one unit: the unit and the PDU.
type readKey [1 + readLength]byte

// keyOf returns the key of a request that may be answered with another's answer.
func keyOf(unit byte, pdu []byte) (key readKey, ok bool) {
	if len(pdu) != readLength || modbus.Function(pdu[0]) < modbus.ReadCoils || modbus.Function(pdu[0]) > modbus.ReadInputRegisters {
		return key, false
	}
	key[0] = unit
	copy(key[1:], pdu)
	return key, true
}

// cache keeps answers to reads for a short time, and knows the reads that wait or are under
// way, which others may join.
type cache struct {
	answers map[readKey]cached
	reads   map[readKey]*request
}

type cached struct {
	answer []byte
	at     time.Time
}

// answer returns the answer to a read, if there is one no older than age.
func (c *cache) answer(key readKey, now time.Time, age time.Duration) ([]byte, bool) {
	kept, ok := c.answers[key]
	return kept.answer, ok && now.Sub(kept.at) <= age
}

// keep keeps a copy of an answer, where there is room beside those that are not too old.
func (c *cache) keep(key readKey, answer []byte, now time.Time, age time.Duration) {
	if _, replaced := c.answers[key]; len(c.answers) >= cacheEntries && !replaced {
		for k, kept := range c.answers {
			if now.Sub(kept.at) > age {
				delete(c.answers, k)
			}
		}
		if len(c.answers) >= cacheEntries {
			return
		}
	}
	c.answers[key] = cached{bytes.Clone(answer), now}
}

// forget forgets what was read of a unit, or of all for unit 0, and lets nobody join the reads
// under way: a write comes.
func (c *cache) forget(unit byte) {
	for k := range c.answers {
		if unit == 0 || k[0] == unit {
			delete(c.answers, k)
		}
	}
	for k, r := range c.reads {
		if unit == 0 || k[0] == unit {
			r.joined = false
			delete(c.reads, k)
		}
	}
}

// end takes a read out of those that can be joined.
func (c *cache) end(r *request) {
	if r.joined {
		key, _ := keyOf(r.unit, r.pdu())
		delete(c.reads, key)
		r.joined = false
	}
}
