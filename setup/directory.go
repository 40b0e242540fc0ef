package setup

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// directory is what registers a meter has. It is good for one connection: a program may
// be changed at any time.
type directory struct {
	labels []string
}

// parallel is how many modules are asked for at a time.
const parallel = 16

// Registers lists the labels of all output and setup registers, in the order of modules.
func (m *Meter) Registers(ctx context.Context) ([]string, error) {
	m.mu.Lock()
	known := m.directory
	m.mu.Unlock()
	if known != nil {
		return known.labels, nil
	}
	modules, err := m.Modules(ctx, "")
	if err != nil {
		return nil, err
	}
	lists := make([][]string, len(modules))
	var group sync.WaitGroup
	var once sync.Once
	var failed error
	slots := make(chan struct{}, parallel)
	for i, module := range modules {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			described, err := m.Module(ctx, module.Label)
			if err != nil {
				// One that was deleted meanwhile, or that this user may not see.
				if !HasCode(err, "not-found", "no-permission", "credentials-needed", "user-needed") {
					once.Do(func() { failed = err })
				}
				return
			}
			for _, o := range described.Outputs {
				lists[i] = append(lists[i], module.Label+"/"+o.Name)
			}
			for _, s := range described.Setups {
				lists[i] = append(lists[i], module.Label+"/"+s.Name)
			}
		})
	}
	group.Wait()
	if failed != nil {
		return nil, failed
	}
	known = &directory{slices.Concat(lists...)}
	m.mu.Lock()
	m.directory = known
	m.mu.Unlock()
	return known.labels, nil
}

// Resolve finds the registers that a user means: case does not matter, and the end of a
// label will do if only one register ends so. The error has the code no-such-register,
// with what may have been meant, or ambiguous-register, with the candidates.
func (m *Meter) Resolve(ctx context.Context, typed []string) ([]string, error) {
	labels, err := m.Registers(ctx)
	if err != nil {
		return nil, err
	}
	found := make([]string, len(typed))
	for i, name := range typed {
		if found[i], err = match(name, labels); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// mostCandidates is how many registers an error lists.
const mostCandidates = 6

// repeats begins the labels of modules that show again what others have: only their whole
// labels mean them.
const repeats = "data mapping "

// match finds the register that a name means. A whole label comes before a whole register
// name, that before the last words, and those before any end.
func match(name string, labels []string) (string, error) {
	typed := strings.ToLower(strings.TrimSpace(name))
	tiers := []func(label string) bool{
		func(label string) bool { return label == typed },
		func(label string) bool { return strings.HasSuffix(label, "/"+typed) },
		func(label string) bool { return strings.HasSuffix(label, " "+typed) },
		func(label string) bool { return strings.HasSuffix(label, typed) },
	}
	for tier, fits := range tiers {
		var found []string
		for _, label := range labels {
			lower := strings.ToLower(label)
			if typed != "" && fits(lower) && (tier == 0 || !strings.HasPrefix(lower, repeats)) {
				found = append(found, label)
			}
		}
		if len(found) == 1 {
			return found[0], nil
		}
		if len(found) > 1 {
			e := NewError(CodeAmbiguous, "%d registers end with %q: %s", len(found), name, candidates(found))
			return "", e
		}
	}
	e := NewError(CodeNoSuchRegister, "the meter has no register %q", name)
	if near := suggestions(name, labels); len(near) > 0 {
		return "", e.with("did you mean %s?", candidates(near))
	}
	return "", e
}

// suggestions finds labels, or registers of any module, that are written nearly so.
func suggestions(name string, labels []string) []string {
	if strings.Contains(name, "/") {
		return Nearest(name, labels, 3)
	}
	var names []string
	byName := map[string][]string{}
	for _, label := range labels {
		_, register, _ := strings.Cut(label, "/")
		if byName[register] == nil {
			names = append(names, register)
		}
		byName[register] = append(byName[register], label)
	}
	var near []string
	for _, register := range Nearest(name, names, 3) {
		near = append(near, byName[register]...)
	}
	return near
}

func candidates(labels []string) string {
	more := ""
	if len(labels) > mostCandidates {
		more = " ..."
		labels = slices.Clone(labels[:mostCandidates])
	}
	return strings.Join(labels, ", ") + more
}

// ResolveFew is Resolve that asks for the list of registers only if some name is not a
// whole label that the meter knows.
func (m *Meter) ResolveFew(ctx context.Context, typed []string) ([]string, error) {
	labels := make([]string, len(typed))
	modules := map[string]Module{}
	for i, name := range typed {
		label, register, whole := strings.Cut(name, "/")
		key := strings.ToLower(label)
		if _, known := modules[key]; whole && !known {
			module, err := m.Module(ctx, label)
			if HasCode(err, "no-permission", "credentials-needed", "user-needed") {
				return typed, nil // what is asked of them next is refused with the better reason
			}
			if err != nil && !HasCode(err, "not-found") {
				return nil, err
			}
			modules[key] = module
		}
		if whole {
			labels[i] = modules[key].label(register)
		}
		if labels[i] == "" {
			return m.Resolve(ctx, typed)
		}
	}
	return labels, nil
}

// label is that of one of the module's registers, empty if it has none of the name.
func (m Module) label(register string) string {
	for _, o := range m.Outputs {
		if strings.EqualFold(o.Name, register) {
			return m.Label + "/" + o.Name
		}
	}
	for _, s := range m.Setups {
		if strings.EqualFold(s.Name, register) {
			return m.Label + "/" + s.Name
		}
	}
	return ""
}
