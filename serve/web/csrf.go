package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"

	"github.com/hepmeter/hepmeter/access"
)

// tokenField is the field of each form that holds its token.
const tokenField = "token"

// mac binds a text to a browser's cookie, for a purpose.
func (s *Server) mac(purpose, id, text string) []byte {
	h := hmac.New(sha256.New, s.key[:])
	for _, part := range []string{purpose, id, text} {
		_, _ = h.Write([]byte(part))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum(nil)
}

// token is what a form shows to prove that it comes from a page of this meter, made for
// this browser. It is masked anew each time: compression of a page tells by its length
// what the page repeats.
func (s *Server) token(id string) string {
	sum := s.mac("form", id, "")
	text := make([]byte, 2*len(sum))
	_, _ = rand.Read(text[:len(sum)]) // never fails
	subtle.XORBytes(text[len(sum):], text[:len(sum)], sum)
	return base64.RawURLEncoding.EncodeToString(text)
}

func (s *Server) tokenHolds(id, token string) bool {
	text, err := base64.RawURLEncoding.DecodeString(token)
	if id == "" || err != nil || len(text) != 2*sha256.Size {
		return false
	}
	sum := make([]byte, sha256.Size)
	subtle.XORBytes(sum, text[:sha256.Size], text[sha256.Size:])
	return hmac.Equal(sum, s.mac("form", id, ""))
}

// form reads the form that a browser has sent, and refuses one that another site made it
// send: by what the browser says of where it comes from, and by the token.
func (s *Server) form(w http.ResponseWriter, r *http.Request, id string) error {
	if err := s.origin.Check(r); err != nil {
		return malformed("the form comes from another site than this meter")
	}
	r.Body = http.MaxBytesReader(w, r.Body, formBytes)
	var err error
	if isMultipart(r) {
		err = r.ParseMultipartForm(formBytes)
	} else {
		err = r.ParseForm()
	}
	switch {
	case isTooLong(err):
		return access.NewRefusal(access.CodeTooLarge, "a form has at most 65,536 bytes")
	case err != nil:
		return malformed("the form cannot be read: %v", err)
	case !s.tokenHolds(id, r.PostForm.Get(tokenField)):
		return malformed("the form is from before a restart or another login, or the browser keeps no cookies: load the page again")
	}
	return nil
}
