package access

import "context"

// absent stands for what a meter cannot do: each request is refused.
type absent struct{}

func noSuch() error { return refuse(CodeNotFound, "this meter does not have that") }

func (absent) Change(context.Context, Transaction, By, Judge, bool) error {
	return refuse(CodeNotWritable, "")
}
func (absent) Template(context.Context) ([]byte, error) { return nil, noSuch() }
func (absent) LoadTemplate(context.Context, []byte, By, Judge, bool) ([]string, error) {
	return nil, noSuch()
}
func (absent) Resets() []Reset                            { return nil }
func (absent) Managers() []Manager                        { return nil }
func (absent) ModuleList(string) ([]ModuleEntry, error)   { return nil, noSuch() }
func (absent) Describe(string) (ModuleDescription, error) { return ModuleDescription{}, noSuch() }
func (absent) Restart(By) error                           { return noSuch() }
func (absent) BecomeTwin(context.Context, string, By, func() error, bool) (Twin, error) {
	return Twin{}, noSuch()
}
func (absent) Info() Info                                     { return Info{} }
func (absent) DownstreamUnits() []DownstreamUnit              { return nil }
func (absent) Events(uint64, int) (Events, error)             { return Events{}, noSuch() }
func (absent) EventHead() (EventHead, error)                  { return EventHead{}, noSuch() }
func (absent) Recorders() ([]Recorder, error)                 { return nil, noSuch() }
func (absent) Gaps() ([]Gap, error)                           { return nil, noSuch() }
func (absent) Clear(context.Context, string, By) error        { return noSuch() }
func (absent) Folders() []string                              { return nil }
func (absent) List(string) ([]File, error)                    { return nil, noSuch() }
func (absent) Delete(context.Context, string) error           { return noSuch() }
func (absent) Snapshot(context.Context, string) (File, error) { return File{}, noSuch() }
func (absent) Read(string, int64, int) ([]byte, File, error)  { return nil, File{}, noSuch() }
func (absent) Records(string, uint64, int) (Recorder, []LogRecord, error) {
	return Recorder{}, nil, noSuch()
}
func (absent) Write(context.Context, string, int64, []byte, int64, []byte) (int64, error) {
	return 0, noSuch()
}
