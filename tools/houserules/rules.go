package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/hepmeter/hepmeter"

// file is one Go file: its folder below the root and what it imports.
type file struct {
	path, folder string
	imports      []string
	uses         []string // names of packages of the project, as folder.Name
	test         bool
}

// ban is an allow, deny, only or hide line.
type ban struct {
	from   string
	to     []string
	reason string
}

// ruleSet is rules.txt, parsed.
type ruleSet struct {
	storey map[string]int // top folder → storey, 0 = highest
	allow  []ban
	deny   []ban
	only   []ban
	hide   []ban
}

func parse(text string) (*ruleSet, error) {
	r := &ruleSet{storey: map[string]int{}}
	storeys := 0
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "level":
			for _, folder := range words[1:] {
				r.storey[folder] = storeys
			}
			storeys++
		case "allow", "deny", "only", "hide":
			head, reason, ok := strings.Cut(line, " : ")
			from, to, arrow := strings.Cut(strings.TrimPrefix(strings.TrimSpace(head), words[0]), "->")
			if !ok || !arrow {
				return nil, fmt.Errorf("rules.txt line %d: want `%s FROM -> TO : reason`, got %q", n+1, words[0], line)
			}
			b := ban{strings.TrimSpace(from), strings.Fields(to), strings.TrimSpace(reason)}
			switch words[0] {
			case "allow":
				r.allow = append(r.allow, b)
			case "deny":
				r.deny = append(r.deny, b)
			case "only":
				r.only = append(r.only, b)
			case "hide":
				r.hide = append(r.hide, b)
			}
		default:
			return nil, fmt.Errorf("rules.txt line %d: unknown word %q, want level, allow, deny, only or hide", n+1, words[0])
		}
	}
	return r, nil
}

// scan lists the Go files below root.
func scan(root string) ([]file, error) {
	var files []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != root && (strings.HasPrefix(name, ".") || name == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		f := file{path: rel, folder: path.Dir(rel), test: strings.HasSuffix(name, "_test.go")}
		names := map[string]string{} // what a package is called here, to its folder
		for _, imp := range tree.Imports {
			s, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: import %s: %w", rel, imp.Path.Value, err)
			}
			f.imports = append(f.imports, s)
			if folder, ours := strings.CutPrefix(s, module+"/"); ours {
				name := path.Base(folder)
				if imp.Name != nil {
					name = imp.Name.Name
				}
				names[name] = folder
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := selector.X.(*ast.Ident); ok && names[x.Name] != "" {
					f.uses = append(f.uses, names[x.Name]+"."+selector.Sel.Name)
				}
			}
			return true
		})
		if folder := names["."]; folder != "" { // its names cannot be told apart from others
			f.uses = append(f.uses, folder+".*")
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// check returns a line for each import that breaks a rule.
func (r *ruleSet) check(files []file) []string {
	var out []string
	for _, f := range files {
		for _, imp := range f.imports {
			if reason, bad := r.breach(f, imp); bad {
				out = append(out, fmt.Sprintf("%s imports %s: %s", f.path, imp, reason))
			}
		}
		for _, name := range f.uses {
			if reason, bad := r.hidden(f, name); bad {
				out = append(out, fmt.Sprintf("%s uses %s: %s", f.path, name, reason))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hidden applies the `hide` rules. A dot import of a package that hides a name may use it.
func (r *ruleSet) hidden(f file, name string) (string, bool) {
	for _, h := range r.hide {
		if f.test || !within(f.folder, h.from) {
			continue
		}
		for _, hidden := range h.to {
			if hidden == name || strings.HasSuffix(name, ".*") && strings.HasPrefix(hidden, strings.TrimSuffix(name, "*")) {
				return h.reason, true
			}
		}
	}
	return "", false
}

func (r *ruleSet) breach(f file, imp string) (string, bool) {
	to, ours := strings.CutPrefix(imp, module+"/")
	if !ours {
		if !strings.Contains(strings.Split(imp, "/")[0], ".") {
			return "", false // standard library
		}
		return r.foreign(f, imp)
	}
	for _, a := range r.allow {
		if within(f.folder, a.from) && slices.ContainsFunc(a.to, func(t string) bool { return within(to, t) }) {
			return "", false
		}
	}
	for _, d := range r.deny {
		if f.test {
			break // tests may stand on the real thing
		}
		if within(f.folder, d.from) && slices.ContainsFunc(d.to, func(t string) bool { return within(to, t) }) {
			return d.reason, true
		}
	}
	fromTop, toTop := top(f.folder), top(to)
	if fromTop == toTop || f.test {
		return "", false
	}
	fromStorey, ok := r.storey[fromTop]
	if !ok {
		return "folder " + fromTop + " has no storey in tools/houserules/rules.txt: give it one", true
	}
	toStorey, ok := r.storey[toTop]
	switch {
	case !ok:
		return "folder " + toTop + " has no storey in tools/houserules/rules.txt: give it one", true
	case toStorey < fromStorey:
		return "imports run downward only: " + toTop + " is above " + fromTop, true
	case toStorey == fromStorey:
		return "packages of one storey do not import each other", true
	}
	return "", false
}

// foreign applies the `only` rule of the longest folder that names f.
func (r *ruleSet) foreign(f file, imp string) (string, bool) {
	if f.test {
		return "", false
	}
	var rule *ban
	for i, o := range r.only {
		if within(f.folder, o.from) && (rule == nil || len(o.from) > len(rule.from)) {
			rule = &r.only[i]
		}
	}
	if rule == nil || slices.ContainsFunc(rule.to, func(t string) bool { return within(imp, t) }) {
		return "", false
	}
	return rule.reason, true
}

// within reports whether folder is pattern or lies below it.
func within(folder, pattern string) bool {
	return folder == pattern || strings.HasPrefix(folder, pattern+"/")
}

func top(folder string) string {
	t, _, _ := strings.Cut(folder, "/")
	return t
}
