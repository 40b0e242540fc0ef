package web

import (
	"errors"
	"io"
	"net/http"

	"github.com/hepmeter/hepmeter/access"
)

// certificateSheet is what the page of certificates shows.
type certificateSheet struct {
	List []access.CertificateInfo
	// Installed tells that the owner's certificate is in use, Administers that the reader
	// may change that.
	Installed, Administers bool
}

// certificatePage shows what the meter proves itself with, for people to compare, and
// lets who administers security put the owner's own certificate in its place.
var certificatePage = page{
	path: "/certificates", title: "Certificates", group: "Security", needs: access.ReadMeasurement, template: "certificates.html",
	show: func(q *request) (any, error) {
		list, err := q.Session.Certificates()
		if err != nil {
			return nil, err
		}
		sheet := certificateSheet{List: list, Administers: q.Session.May(access.AdministerSecurity)}
		for _, each := range list {
			sheet.Installed = sheet.Installed || each.Installed
		}
		return sheet, nil
	},
	actions: map[string]func(*request) error{
		"install": installCertificate,
		"remove": func(q *request) error {
			if err := q.Session.RemoveCertificate(q.Context()); err != nil {
				return err
			}
			q.Say("The meter shows its own certificate again, from the next connection on.")
			return nil
		},
	},
}

func installCertificate(q *request) error {
	text := []byte(q.PostForm.Get("pem"))
	if q.MultipartForm != nil {
		file, _, err := q.FormFile("file")
		switch {
		case errors.Is(err, http.ErrMissingFile):
		case err != nil:
			return malformed("the file cannot be read: %v", err)
		default:
			defer file.Close()
			if uploaded, err := io.ReadAll(io.LimitReader(file, formBytes)); err != nil {
				return malformed("the file cannot be read: %v", err)
			} else if len(uploaded) > 0 {
				text = uploaded
			}
		}
	}
	if len(text) == 0 {
		return malformed("choose a file, or paste its text")
	}
	if err := q.Session.InstallCertificate(q.Context(), text); err != nil {
		return err
	}
	q.Say("The certificate is installed, and shown from the next connection on.")
	return nil
}
