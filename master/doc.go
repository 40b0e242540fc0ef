// Package master is a Modbus master for many who ask: it queues the requests of many clients
// for the units of one serial line or one TCP device, and gives each the answer to its own
// request or none.
//
//	bus := master.New(master.Options{Settings: settings})
//	go bus.ServeLine(ctx, port, 19200)
//	answer, err := bus.Ask(ctx, client, unit, pdu)
//
// # Turns
//
// One request is on its way at a time, on a line and on a connection. The client whose turn
// was the longest ago is next, with the first of its requests that may be sent: one with a
// single request at a time has as many turns as one with many waiting. A client has 16
// questions at most, all together 512; what would be more, or has waited for 10 s, is done
// with ErrCrowded and not sent.
//
// # Time-outs and retries
//
// An answer must begin within the response time-out, counted from the end of the request on
// the line, and may take its time then. A read (functions 1 to 4, 20, 24, 43/14) that is not
// answered, or whose answer is damaged, is sent again, as often as Retries says; so is one,
// once, that a connection is lost with. A write, and a function that may write for all that is
// known, is never sent again, for it may have been done: ErrNoAnswer leaves that open. The one
// exception is a connection that turns out to be closed before a byte of the request has left.
//
// # Units that do not answer
//
// After as many time-outs in a row as a read is sent, two at least, a unit is left alone: what
// is asked of it, and waits for it, is done with ErrNoAnswer at once. After 1 s, or eight
// response time-outs where that is longer, one request is sent. Each time that this is not
// answered the pause doubles, up to 30 s; so a dead unit takes a ninth of a line at most, and
// soon far less. An answer in time ends it; one that is late does not. A gateway below that
// takes 100 ms and more to say exception 0x0A or 0x0B is believed for its unit.
//
// A TCP device that cannot be reached, or loses two connections in a row with a request, is
// left alone as a whole in the same way, from 1 s to 30 s. A connection is given up after two
// requests in a row without an answer, since its other end may be gone without a word; after
// 60 s without a question, since a device may allow but one; and when the device closes it.
// It is made anew when something is asked.
//
// # What is dropped
//
// On TCP an answer has the transaction of its request, and whatever is late is known by it. On
// top of that, and on a line instead of it, an answer must come from the unit, have the
// function or be an exception to it, be as long as the request implies, and repeat of it what
// answers repeat (modbus.IsAnswer). Anything else is counted, as late or foreign, and dropped,
// and the answer is waited for on.
//
// On a line nothing tells an answer from a late one to an earlier request of the same unit,
// function and length. So after a time-out nothing is sent to that unit until its late answer
// has come and was dropped, or for a guard time, which is the response time-out and 500 ms at
// least; others are asked meanwhile. A request is sent only when the line was silent for t3.5
// and for the frame delay, and no frame is under way; what has come until then answers
// nothing. A mistake needs an answer that is later than time-out and guard together, to a
// request of the same shape; or a unit that answers twice, the second time just when the next
// request of the same shape has been sent. An adapter that gives back what is sent on the line
// (echo) makes a write of functions 5 and 6 look answered: switch that off.
//
// A damaged answer is one whose CRC does not hold and that begins with unit and function: then
// nothing more is to come, and the read is sent again at once. Other noise is passed over.
//
// # Broadcasts
//
// A request to unit 0 is sent, answered to its client with nothing, and followed by the
// turnaround delay, in which nothing is sent. Requests that only read are refused.
//
// # Cache
//
// With Settings.Cache, a read of functions 1 to 4 that is the same as another one waiting or
// under way joins it, and one that was answered no longer ago is given the same answer. A
// write to the unit, or to all, clears that when it is asked, and nothing is kept or joined
// until it is done: who reads behind a write reads what it wrote. Of 256 reads at most the
// answers are kept, exceptions never.
package master
