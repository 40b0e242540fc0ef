package template

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/hepmeter/hepmeter/ion"
)

// Plan returns the transaction that makes the program of a node the target, for
// Node.Program; none if the node has it already. What Compare does not tell apart is not
// touched: its registers and logs stay, also those of a renamed module. Standard modules
// that the target lacks are deleted, setup registers that it does not name go to their
// default. Core and persistent modules are programmed and never made; one that the target
// does not name stays as it is, like all that templates leave to the one meter (Export).
//
// A target that does not fit the node is an *ion.Refusal with every reason.
func Plan(node *ion.Node, target []ion.Change) ([]ion.Change, error) {
	directory := node.Directory()
	taken := map[string]bool{}
	for _, m := range directory.Modules {
		taken[fold(m.Label)] = true
	}
	byKind := map[DifferenceKind]Differences{}
	for _, d := range Compare(node.Listing(), target) {
		if d.Kind == Removed {
			if directory.Module(d.Label).Type.Kind != ion.Standard {
				continue
			}
			delete(taken, fold(d.Label))
		}
		byKind[d.Kind] = append(byKind[d.Kind], d)
	}
	var plan []ion.Change
	for _, d := range byKind[Removed] {
		plan = append(plan, ion.Delete{Module: d.Label})
	}
	plan = append(plan, renames(byKind[Renamed], taken)...)
	for _, d := range byKind[Added] {
		plan = append(plan, ion.Create{Type: d.Type, Label: d.Label, Number: d.Number})
	}
	for _, d := range byKind[LinkChanged] {
		plan = append(plan, ion.Link{Input: d.Label + "/" + d.Name, Register: d.To})
	}
	for _, d := range byKind[SetupChanged] {
		plan = append(plan, ion.Set{Register: d.Label + "/" + d.Name, Value: d.To})
	}
	if err := node.Check(plan); err != nil {
		return nil, fmt.Errorf("the template does not fit this meter: %w", err)
	}
	return plan, nil
}

// renames orders renames so that each label is free when it is given: where labels go
// round, one module steps aside under a label of its own. taken are the labels in use.
func renames(list Differences, taken map[string]bool) (changes []ion.Change) {
	rename := func(from, to string) {
		delete(taken, fold(from))
		taken[fold(to)] = true
		changes = append(changes, ion.Rename{Module: from, Label: to})
	}
	aside := map[string]bool{}
	for len(list) > 0 {
		if i := slices.IndexFunc(list, func(d Difference) bool { return !taken[fold(d.To)] }); i >= 0 {
			rename(list[i].From, list[i].To)
			list = slices.Delete(list, i, i+1)
			continue
		}
		i := slices.IndexFunc(list, func(d Difference) bool { return !aside[d.From] })
		if i < 0 {
			break
		}
		label := asideLabel(list, taken)
		aside[label] = true
		rename(list[i].From, label)
		list[i].From = label
	}
	for _, d := range list { // their labels are those of modules that stay: to be refused
		rename(d.From, d.To)
	}
	return changes
}

// asideLabel returns a label that nobody has or wants.
func asideLabel(list Differences, taken map[string]bool) string {
	for i := 1; ; i++ {
		label := "aside " + strconv.Itoa(i)
		if !taken[label] && !slices.ContainsFunc(list, func(d Difference) bool { return fold(d.To) == label }) {
			return label
		}
	}
}
