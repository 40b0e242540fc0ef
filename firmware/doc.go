// Package firmware is what a meter and its setup tool know about firmware images: their
// format (image.go, package.go), whose signature counts (trust.go, keylist.go), which
// image a meter takes and why it refuses another (judge.go, codes.go), and the numbers of
// the known versions (releases.go). It is pure: files come in as bytes and readers, time as
// a value. docs/firmware.md describes formats and threats.
package firmware
