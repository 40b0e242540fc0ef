package delta

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Make returns the delta that makes target of base. The same two give the same delta. It
// takes about four times the memory of the base beside the two.
func Make(base, target []byte) ([]byte, error) {
	if len(base) > MaxBytes || len(target) > MaxBytes {
		return nil, fmt.Errorf("a delta between %d and %d bytes: the most is %d", len(base), len(target), MaxBytes)
	}
	h := Header{BaseBytes: int64(len(base)), TargetBytes: int64(len(target)), BaseSHA256: sha256.Sum256(base), TargetSHA256: sha256.Sum256(target)}
	raw := encode(base, target, steps(base, target))
	return h.pack(raw)
}

// pack puts the streams behind the header.
func (h *Header) pack(raw [streams][]byte) ([]byte, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(windowBytes), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("making a delta: %w", err)
	}
	var packed []byte
	for i, stream := range raw {
		before := len(packed)
		packed = encoder.EncodeAll(stream, packed)
		h.lengths[i] = uint32(len(packed) - before)
	}
	return append(h.append(nil), packed...), nil
}

// encode writes the streams of steps.
func encode(base, target []byte, list []step) (raw [streams][]byte) {
	at, done, unchanged := 0, 0, 0
	for _, s := range list {
		raw[streamSteps] = binary.AppendVarint(raw[streamSteps], int64(s.seek))
		raw[streamSteps] = binary.AppendUvarint(raw[streamSteps], uint64(s.copied))
		raw[streamSteps] = binary.AppendUvarint(raw[streamSteps], uint64(s.literal))
		at += s.seek
		old, now := base[at:at+s.copied], target[done:done+s.copied]
		for i := 0; i < len(now); {
			if n := common(old[i:], now[i:]); n > 0 {
				unchanged += n
				i += n
				continue
			}
			first := i
			for ; i < len(now) && old[i] != now[i]; i++ {
				raw[streamDifferences] = append(raw[streamDifferences], now[i]-old[i])
			}
			raw[streamGaps] = binary.AppendUvarint(raw[streamGaps], uint64(unchanged))
			raw[streamGaps] = binary.AppendUvarint(raw[streamGaps], uint64(i-first))
			unchanged = 0
		}
		at += s.copied
		done += s.copied
		raw[streamLiterals] = append(raw[streamLiterals], target[done:done+s.literal]...)
		done += s.literal
	}
	return raw
}
