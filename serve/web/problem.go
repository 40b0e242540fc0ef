package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/hepmeter/hepmeter/access"
)

// statusOf is the HTTP status of a refusal.
func statusOf(code access.Code) int {
	switch code {
	case access.CodeBadCredentials, access.CodeCredentialsNeeded, access.CodeUserNeeded, access.CodeSessionEnded:
		return http.StatusUnauthorized
	case access.CodeNotFound, access.CodeNoSuchAccount, access.CodeUnknownOperation:
		return http.StatusNotFound
	case access.CodeBadRequest, access.CodePasswordRule:
		return http.StatusBadRequest
	case access.CodeBadValue:
		return http.StatusUnprocessableEntity
	case access.CodeAccountExists, access.CodeAccountLimit, access.CodeConfirmPending, access.CodeNothingPending, access.CodeNoAdministrator:
		return http.StatusConflict
	case access.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case access.CodeNoSpace:
		return http.StatusInsufficientStorage
	case access.CodeBusy, access.CodeConnectionsUsed:
		return http.StatusServiceUnavailable
	case access.CodeFailed:
		return http.StatusInternalServerError
	}
	return http.StatusForbidden
}

// retryAfter is how many seconds a client waits who is told that there is no room.
const retryAfter = "5"

// refusalOf tells every error as a refusal: what the gate says as it says it.
func (s *Server) refusalOf(r *http.Request, err error) *access.Refusal {
	var refusal *access.Refusal
	switch {
	case errors.As(err, &refusal):
		if refusal.Code == access.CodeCredentialsNeeded {
			return loginNeeded(refusal.Reason)
		}
		return refusal
	case errors.Is(err, access.ErrClosed):
		return access.NewRefusal(access.CodeSessionEnded, "")
	case errors.Is(err, access.ErrValue):
		return access.NewRefusal(access.CodeBadValue, err.Error())
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return access.NewRefusal(access.CodeBusy, "the meter did not answer in time")
	}
	s.failed.Add(1)
	s.options.Log.Error("a web request failed", "path", r.URL.Path, "error", err)
	return access.NewRefusal(access.CodeFailed, "")
}

// Problem is how the API refuses (RFC 9457), with the gate's own code and words.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title" doc:"the status in words"`
	Status int    `json:"status"`
	Detail string `json:"detail" doc:"why, in words"`
	Code   string `json:"code" doc:"the stable word for why (docs/refusals.md)"`
	Remedy string `json:"remedy" doc:"what to do"`
}

// writeProblem answers a program with a refusal.
func (s *Server) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	refusal := s.refusalOf(r, err)
	status := statusOf(refusal.Code)
	h := w.Header()
	switch {
	case status == http.StatusServiceUnavailable:
		h.Set("Retry-After", retryAfter)
	case status == http.StatusUnauthorized && challenges(r):
		h.Set("WWW-Authenticate", `Basic realm="hepmeter", charset="UTF-8"`)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: refusal.Reason, Code: string(refusal.Code), Remedy: refusal.Remedy})
}

// challenges reports whether a 401 asks for Basic authentication: of the API and the
// metrics only, and not of a script on our pages, whose user would see the browser's own
// dialogue in place of the login page.
func challenges(r *http.Request) bool {
	return isAPI(r.URL.Path) && !(r.Header.Get("Sec-Fetch-Site") == "same-origin" && r.Header.Get("Sec-Fetch-Dest") == "empty")
}

func isAPI(path string) bool {
	return path == "/metrics" || path == apiRoot || strings.HasPrefix(path, apiRoot+"/")
}

func isMultipart(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "multipart/form-data"
}

func isTooLong(err error) bool {
	var long *http.MaxBytesError
	return errors.As(err, &long)
}

// malformed refuses what a browser or a program has sent wrongly.
func malformed(format string, args ...any) *access.Refusal {
	refusal := access.NewRefusal(access.CodeBadRequest, fmt.Sprintf(format, args...))
	refusal.Remedy = "see " + apiRoot + " for what programs can ask, and load a page again before its form is sent"
	return refusal
}

// loginNeeded refuses who has not logged in.
func loginNeeded(reason string) *access.Refusal {
	refusal := access.NewRefusal(access.CodeCredentialsNeeded, reason)
	refusal.Remedy = "give a name that works now, as the login page tells them, and its password"
	return refusal
}
