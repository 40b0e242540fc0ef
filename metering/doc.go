// Package metering turns samples into readings by the methods of IEC 61000-4-30
// class A and IEEE 1459. It is pure: no goroutine, no clock, no file; time is the
// sample count.
package metering
