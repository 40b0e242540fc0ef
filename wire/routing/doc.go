// Package routing reads the registers of the Modbus gateway: on which line or TCP device a
// unit is, and what the clients of an address may do with it. It knows texts only.
package routing
