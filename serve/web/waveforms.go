package web

import (
	"context"
	"net/http"

	"github.com/coder/websocket"

	"github.com/hepmeter/hepmeter/access"
)

// waveformsPage shows the samples of the last window as they come.
var waveformsPage = page{
	path: "/waveforms", title: "Waveforms", group: "Readings", needs: access.ReadMeasurement, template: "waveforms.html", scripts: []string{"waveforms.js"},
}

// sessionEnded is the close code that tells a page that its session has ended.
const sessionEnded websocket.StatusCode = 4001

// waveformsSocket sends pictures; what they are is in picture.go.
var waveformsSocket = endpoint{path: "/live/waveforms", needs: access.ReadMeasurement, live: true, serve: func(w http.ResponseWriter, q *request) error {
	ctx, cancel := q.keepOpen(w)
	defer cancel()
	// Accept answers itself where it refuses. Samples hardly become smaller by compression.
	socket, err := websocket.Accept(w, q.Request, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil
	}
	defer func() { _ = socket.CloseNow() }()
	ctx = socket.CloseRead(ctx) // a page has nothing to say
	if q.server.scope.watch(ctx, q.owner, q.Session, func(picture []byte) error {
		within, done := context.WithTimeout(ctx, sendWithin)
		defer done()
		return socket.Write(within, websocket.MessageBinary, picture)
	}) {
		_ = socket.Close(sessionEnded, "the session has ended")
	}
	return nil
}}
