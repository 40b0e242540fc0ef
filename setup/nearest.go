package setup

import (
	"cmp"
	"slices"
	"strings"
)

// Nearest returns up to n of the names that a typing error may have meant, nearest first.
// Case does not matter.
func Nearest(typed string, names []string, n int) []string {
	typed = strings.ToLower(typed)
	limit := max(1, len(typed)/3)
	type candidate struct {
		name     string
		distance int
	}
	var list []candidate
	for _, name := range names {
		if d := distance(typed, strings.ToLower(name), limit); d <= limit {
			list = append(list, candidate{name, d})
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	var near []string
	for _, c := range list[:min(n, len(list))] {
		near = append(near, c.name)
	}
	return near
}

// distance is how many characters must be put in, taken out, replaced or swapped with
// their neighbour to make b of a (optimal string alignment); what is over the limit may
// be given as any number over it.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
