package web

import (
	"fmt"
	"net/http"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// sendWithin is how long a page may take to read what it is sent.
const sendWithin = 10 * time.Second

// stream serves the readings that labels names as server-sent events: one with each new
// snapshot, and one named ended when the session is over.
func stream(labels func(*request) ([]string, func(string) scale, error)) func(http.ResponseWriter, *request) error {
	return streamWith(labels, nil)
}

// streamWith is stream with what else there is to see beside registers; nil for nothing.
func streamWith(labels func(*request) ([]string, func(string) scale, error), more func(*access.Session) ([]shownReading, error)) func(http.ResponseWriter, *request) error {
	return func(w http.ResponseWriter, q *request) error {
		list, scales, err := labels(q)
		if err != nil {
			return err
		}
		ctx, cancel := q.keepOpen(w)
		defer cancel()
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		write := func(text string) error {
			if err := control.SetWriteDeadline(time.Now().Add(sendWithin)); err != nil {
				return err
			}
			if _, err := fmt.Fprint(w, text); err != nil {
				return err
			}
			return control.Flush()
		}
		if follow(ctx, q.owner, q.Session, list, scales, more, func(data []byte) error {
			if data == nil {
				return write(":\n\n")
			}
			return write("data: " + string(data) + "\n\n")
		}) {
			_ = write("event: ended\ndata: \n\n")
		}
		return nil
	}
}
