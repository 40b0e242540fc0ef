package meter

import "testing"

// What a client pins at the first start is there after a power cut in the same second.
func TestCertificateIsDurableBeforeItIsTold(t *testing.T) {
	dir, names := t.TempDir(), []string{"localhost", "127.0.0.1"}
	fingerprints := func() map[string]string {
		_, source := steady(t, site)
		m := openMeter(t, dir, source)
		if err := m.Certify(names); err != nil {
			t.Fatal(err)
		}
		told := m.Gate().Fingerprints()
		if err := m.Close(); err != nil { // it has not run: nothing more was kept
			t.Fatal(err)
		}
		return told
	}
	first, second := fingerprints(), fingerprints()
	for _, service := range []string{"https", "ssh"} {
		if first[service] == "" || first[service] != second[service] {
			t.Errorf("%s shows %q and then %q", service, first[service], second[service])
		}
	}
}
