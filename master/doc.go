// Package master is a Modbus master for many who ask: it queues the requests of many clients
// for the units of one serial line or one TCP device, and gives each the answer to its own
// request or none.
//
//	bus := master.New(master.Options{Settings: settings})
//	go bus.ServeLine(ctx, port, 19200)
//	answer, err := bus.Ask(ctx, client, unit, pdu)
package master
