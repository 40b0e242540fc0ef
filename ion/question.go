package ion

import "time"

// Question is a request of a module to a device outside. The node only notes it; whoever
// runs the node carries it out and brings the answer with Node.Answer.
type Question struct {
	// Module is who asks.
	Module Handle
	// Connection is how to reach the device: the name of a setup register that says where.
	Connection string
	Unit       byte
	// PDU is the request from its function code on, which nobody changes any more.
	PDU []byte

	module *module
	id     uint64
}

// Asker is called with the answer to a question of the module: what the device said, its
// exceptions included, or why it said nothing. It is called between turns.
type Asker interface {
	Answered(c *Context, pdu []byte, err error)
}

// Asking reports whether a question of the module is under way.
func (c *Context) Asking() bool { return c.module.asking != 0 }

// Ask asks. A module has one question under way at most: while there is one, nothing is
// asked, and Ask returns false.
func (c *Context) Ask(connection string, unit byte, pdu []byte) bool {
	if c.Asking() {
		return false
	}
	n := c.node
	n.asked++
	c.module.asking = n.asked
	n.questions = append(n.questions, Question{c.module.handle, connection, unit, pdu, c.module, n.asked})
	return true
}

// TakeQuestions returns what modules have asked since it was last called. The list is good
// until it is called again.
func (n *Node) TakeQuestions() []Question {
	n.questions, n.taken = n.taken[:0], n.questions
	return n.taken
}

// Answer brings the answer to a question, or why there is none. One that nobody waits for any
// more, because the module is gone or has been set up anew, is dropped.
func (n *Node) Answer(now time.Time, q Question, pdu []byte, err error) {
	m := q.module
	if m == nil || m.asking != q.id || n.findModule(m.label) != m {
		return
	}
	m.asking = 0
	m.behaviour.(Asker).Answered(n.begin(now).enter(m), pdu, err)
}
