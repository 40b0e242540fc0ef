// Package fit measures an arbitrary stretch of samples: the frequency, DC and
// harmonics whose sum comes closest, in the sense of least squares, to what was
// sampled, at the times at which it was sampled.
//
// It is the method for a window that somebody chose by hand, with any number of
// cycles in it, whole or not, and with samples that need not be equidistant or,
// between channels, simultaneous. The windows of the meter itself are
// synchronised instead (package metering).
package fit
