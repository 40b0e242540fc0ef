package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hepmeter/hepmeter/access"
)

// basic is the header of Basic authentication.
func basic(user, password string) []string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password)
	return []string{"Authorization", r.Header.Get("Authorization")}
}

// TestAPI: each resource answers what its description says, and nothing else.
func TestAPI(t *testing.T) {
	s := serve(t, "3.0.0")
	s.measured(t)
	b := s.browser(t, true)
	var described struct {
		OpenAPI    string                    `json:"openapi"`
		Paths      map[string]map[string]any `json:"paths"`
		Components struct {
			Schemas map[string]map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(b.get(apiRoot).text), &described); err != nil || described.OpenAPI != "3.1.0" {
		t.Fatalf("the description: %v, version %q", err, described.OpenAPI)
	}
	at := strings.NewReplacer("{label}", url.PathEscape("Power Meter"), "{recorder}", url.PathEscape("Revenue Log"))
	for _, r := range resources() {
		t.Run(r.name, func(t *testing.T) {
			if described.Paths[r.path]["get"] == nil {
				t.Error("it is not described")
			}
			a := b.get(apiRoot+at.Replace(r.path), basic("USER1", "0")...)
			if a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/json" {
				t.Fatalf("%s %s\n%s", a.Status, a.Header.Get("Content-Type"), a.text)
			}
			var got any
			if err := json.Unmarshal([]byte(a.text), &got); err != nil {
				t.Fatal(err)
			}
			shape := reflect.TypeOf(r.shape)
			for _, fault := range against(described.Components.Schemas[shape.Name()], got, shape.Name()) {
				t.Error(fault)
			}
		})
	}
	if len(described.Paths) != len(resources()) {
		t.Errorf("%d paths are described, %d there are", len(described.Paths), len(resources()))
	}
}

// against holds a JSON value against a schema of the description.
func against(schema map[string]any, v any, at string) (faults []string) {
	kinds := map[string]bool{}
	switch kind := schema["type"].(type) {
	case string:
		kinds[kind] = true
	case []any:
		for _, k := range kind {
			kinds[k.(string)] = true
		}
	}
	is := "null"
	switch v := v.(type) {
	case bool:
		is = "boolean"
	case string:
		is = "string"
	case float64:
		is = "number"
		if kinds["integer"] && v == float64(int64(v)) {
			is = "integer"
		}
	case []any:
		is = "array"
		for _, each := range v {
			faults = append(faults, against(schema["items"].(map[string]any), each, at+"[]")...)
		}
	case map[string]any:
		is = "object"
		properties, _ := schema["properties"].(map[string]any)
		for name, each := range v {
			if of, ok := properties[name].(map[string]any); ok {
				faults = append(faults, against(of, each, at+"."+name)...)
			} else {
				faults = append(faults, at+"."+name+" is not described")
			}
		}
		for _, name := range schema["required"].([]any) {
			if _, ok := v[name.(string)]; !ok {
				faults = append(faults, at+"."+name.(string)+" is missing")
			}
		}
	}
	if !kinds[is] {
		faults = append(faults, at+" is "+is)
	}
	return faults
}

// measured waits until the meter has readings.
func (s *served) measured(t testing.TB) {
	t.Helper()
	s.administer(t, user1, func(session *access.Session) error {
		for turn := time.NewTicker(20 * time.Millisecond); ; <-turn.C {
			view, now, err := snapshot(session, access.Readings)
			if err != nil || now.Value(view.Find("Power Meter/Vln a")).Available {
				turn.Stop()
				return err
			}
		}
	})
}

// TestAPIAuthentication: a user name and a password come with each request of the API, and
// with no page; the challenge is there and nowhere else.
func TestAPIAuthentication(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	for _, row := range []struct {
		name, path string
		headers    []string
		status     int
		code       string
		challenge  bool
	}{
		{"nobody", "/api/v1/session", nil, 401, "credentials-needed", true},
		{"an account", "/api/v1/session", basic("USER2", "0"), 200, "", false},
		{"the model number under LSS", "/api/v1/session", basic("9000", "0"), 200, "", false},
		{"a wrong password", "/api/v1/session", basic("USER2", "1"), 401, "bad-credentials", true},
		{"an account that is not there", "/api/v1/session", basic("USER7", "0"), 401, "bad-credentials", true},
		{"a password without a name", "/api/v1/session", basic("", "0"), 401, "user-needed", true},
		{"another scheme", "/api/v1/session", []string{"Authorization", "Bearer x"}, 401, "credentials-needed", true},
		{"a script on our pages gets no dialogue", "/api/v1/session", []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Dest", "empty"}, 401, "credentials-needed", false},
		{"metrics, nobody", "/metrics", nil, 401, "credentials-needed", true},
		{"metrics, an account", "/metrics", basic("USER2", "0"), 200, "", false},
		{"what is not there", "/api/v1/nothing", basic("USER2", "0"), 404, "not-found", false},
		{"a parameter that is not there", "/api/v1/events?limt=5", basic("USER2", "0"), 400, "bad-request", false},
		{"a limit that is too high", "/api/v1/events?limit=1001", basic("USER2", "0"), 400, "bad-request", false},
		{"a number that is none", "/api/v1/events?from=-1", basic("USER2", "0"), 400, "bad-request", false},
		{"a register that is not there", "/api/v1/registers?name=a/b", basic("USER2", "0"), 404, "not-found", false},
		{"security, by who may not read it", "/api/v1/registers?name=Security+Options/Security+Mode", basic("USER2", "0"), 403, "no-permission", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := g.browser(t, true).get(row.path, row.headers...)
			if a.StatusCode != row.status {
				t.Fatalf("%s, want %d\n%s", a.Status, row.status, a.text)
			}
			if challenge := a.Header.Get("WWW-Authenticate") != ""; challenge != row.challenge {
				t.Errorf("a challenge: %v, want %v", challenge, row.challenge)
			}
			if row.code == "" {
				return
			}
			var p Problem
			if err := json.Unmarshal([]byte(a.text), &p); err != nil || a.Header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%v\n%s", err, a.text)
			}
			if p.Code != row.code || p.Detail == "" || p.Remedy == "" || p.Status != row.status {
				t.Errorf("%+v", p)
			}
		})
	}
	t.Run("pages take no Basic authentication", func(t *testing.T) {
		if a := g.browser(t, true).get("/certificates", basic("USER1", "0")...); a.StatusCode != 303 || a.Header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s", a.Status)
		}
	})
	t.Run("a browser that has logged in may use the API", func(t *testing.T) {
		b := g.browser(t, true)
		b.logIn("USER2", "0")
		if a := b.get("/api/v1/session"); a.StatusCode != 200 || !strings.Contains(a.text, `"user":"USER2"`) {
			t.Errorf("%s\n%s", a.Status, a.text)
		}
	})
	t.Run("the API changes nothing", func(t *testing.T) {
		if a := g.browser(t, true).submit("/api/v1/registers", nil, basic("USER1", "0")...); a.StatusCode != 405 || a.Header.Get("Allow") == "" {
			t.Errorf("%s", a.Status)
		}
	})
	t.Run("wrong passwords lock the account out on this path", func(t *testing.T) {
		b := g.browser(t, true)
		for _, password := range []string{"5", "6", "7", "8", "9"} {
			b.get("/api/v1/session", basic("USER1", password)...)
		}
		if a := b.get("/api/v1/session", basic("USER1", "0")...); a.StatusCode != 401 {
			t.Errorf("the right one after five wrong ones: %s", a.Status)
		}
		if a := b.post("/login", "user", "USER1", "password", "0"); a.StatusCode != 403 {
			t.Errorf("the login page: %s", a.Status)
		}
	})
	t.Run("curl", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), program(t, "curl"), "-sk", "-u", "USER2:0", "https://"+g.tls+"/api/v1/session").Output()
		if err != nil || !strings.Contains(string(out), `"user":"USER2"`) {
			t.Errorf("%v %s", err, out)
		}
	})
}

// TestNotAvailable: what is NOT AVAILABLE is null in the API and absent in the metrics, and
// 0 nowhere.
func TestNotAvailable(t *testing.T) {
	g := behindGate(t, third, access.LSS, access.OpenLimits())
	b := g.browser(t, true)
	if a := b.get("/api/v1/registers?name=Power+Meter/Vln+a", basic("USER2", "0")...); !strings.Contains(a.text, `"value":null`) {
		t.Errorf("%s", a.text)
	}
	if a := b.get("/metrics", basic("USER2", "0")...); !strings.Contains(a.text, "# TYPE hepmeter_voltage_volts") || strings.Contains(a.text, "hepmeter_voltage_volts{") {
		t.Errorf("%s", a.text)
	}
}

// TestMetrics: every reading that is given to Prometheus is one of the meter, and the text
// has the form that Prometheus reads.
func TestMetrics(t *testing.T) {
	s := serve(t, "3.0.0")
	s.measured(t)
	s.administer(t, user1, func(session *access.Session) error {
		view, _, err := snapshot(session, access.Readings)
		for _, m := range families() {
			for _, one := range m.samples {
				if err == nil && view.Find(one.register) == access.NoPoint {
					t.Errorf("%s: there is no register %s", m.name, one.register)
				}
			}
		}
		return err
	})
	text := s.browser(t, true).get("/metrics", basic("USER1", "0")...).text
	line := regexp.MustCompile(`^(# HELP [a-z_]+ .+|# TYPE [a-z_]+ (gauge|counter)|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+-]+)$`)
	family, seen := "", map[string]bool{}
	for each := range strings.Lines(text) {
		each = strings.TrimSuffix(each, "\n")
		if !line.MatchString(each) {
			t.Errorf("a line of no form: %q", each)
		}
		if rest, ok := strings.CutPrefix(each, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			if family = name; seen[name] {
				t.Errorf("%s comes twice", name)
			}
			seen[name] = true
			if counter := strings.HasSuffix(name, "_total"); counter != (kind == "counter") {
				t.Errorf("%s is a %s", name, kind)
			}
		} else if !strings.HasPrefix(each, "#") && !strings.HasPrefix(each, family) {
			t.Errorf("%q is not of %s", each, family)
		}
	}
	if !strings.Contains(text, `hepmeter_voltage_volts{between="a"} 2`) {
		t.Errorf("no voltage:\n%s", text)
	}
}

// FuzzQuery: a query is read, or refused, and what is read is within its bounds.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "from=1&limit=2", "name=a&name=b", "limit=1001", "from=-1", "%zz", "a;b", "from=1&from=2", "limit=18446744073709551616"} {
		f.Add(seed)
	}
	known := []parameter{{name: "name", many: 3}, {name: "from", whole: true, high: 1 << 40}, {name: "limit", whole: true, low: 1, high: 1000, otherwise: 100}}
	f.Fuzz(func(t *testing.T, raw string) {
		texts, numbers, err := parseQuery(raw, known)
		if err != nil {
			return
		}
		if len(texts["name"]) > 3 || numbers["from"] > 1<<40 || numbers["limit"] < 1 || numbers["limit"] > 1000 {
			t.Errorf("%q: %v %v", raw, texts, numbers)
		}
	})
}

// TestAPITurns: only so many answers are made at a time; further programs wait, and are
// told to come again.
func TestAPITurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{turns: make(chan struct{}, answersAtOnce)}
		var done func()
		for range answersAtOnce {
			var err error
			if done, err = s.turn(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if _, err := s.turn(t.Context()); err == nil || time.Since(began) != turnPatience {
			t.Errorf("one more: %v after %v", err, time.Since(began))
		}
		time.AfterFunc(time.Second, done)
		if _, err := s.turn(t.Context()); err != nil {
			t.Errorf("after one is done: %v", err)
		}
	})
}
