// Package ionmodbus carries a stream of bytes through Modbus requests and their answers:
// ION over Modbus, which takes the object protocol wherever Modbus goes.
//
// Only a master can ask on Modbus, so the client asks again and again, with growing pauses,
// and each answer brings what the meter has for it. What is lost, late, doubled, cut or
// falsified on the way is noticed and asked again; each sequence is carried out once. How
// long requests and answers may be is found out by probing the path.
//
// Client and Endpoint are the two sides as pure state machines: bytes and time in, bytes
// out. Stream is a client on a carrier, Conn the meter's end of a session. docs/ion-over-modbus.md
// is the protocol's description.
package ionmodbus
