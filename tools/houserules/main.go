// Houserules checks that imports run downward only, as rules.txt lays down, and
// prints each breach with the reason of the rule. CI runs it:
//
//	go run ./tools/houserules
package main

import (
	_ "embed"
	"fmt"
	"os"
)

//go:embed rules.txt
var houseRules string

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	rules, err := parse(houseRules)
	if err != nil {
		fmt.Fprintln(os.Stderr, "houserules:", err)
		os.Exit(2)
	}
	files, err := scan(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "houserules:", err)
		os.Exit(2)
	}
	breaches := rules.check(files)
	for _, b := range breaches {
		fmt.Println(b)
	}
	if len(breaches) > 0 {
		os.Exit(1)
	}
	fmt.Printf("houserules: %d files keep the rules\n", len(files))
}
