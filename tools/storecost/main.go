// Command storecost prints what an open store costs a process that does nothing
// else: time from process start until the state is loaded, resident memory,
// processor time and latency of commits at a meter's pace, and file sizes.
//
//	START_NS=$(date +%s%N) go run ./tools/storecost -dir /tmp/store -commits 60 -every 1s
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hepmeter/hepmeter/store"
)

func main() {
	dir := flag.String("dir", "", "directory of the store, made if missing")
	commits := flag.Int("commits", 60, "commits to make")
	every := flag.Duration("every", time.Second, "time between commits")
	flag.Parse()
	if err := run(*dir, *commits, *every); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir string, commits int, every time.Duration) error {
	begin := time.Now()
	s, err := store.Open(dir, store.Options{Identity: store.Identity{Model: "ION9000"}})
	if err != nil {
		return err
	}
	if _, err := s.Load(); err != nil {
		return err
	}
	fmt.Printf("open and load            %8.1f ms\n", float64(time.Since(begin).Microseconds())/1000)
	if ns, err := strconv.ParseInt(os.Getenv("START_NS"), 10, 64); err == nil {
		fmt.Printf("since the process began  %8.1f ms\n", float64(time.Since(time.Unix(0, ns)).Microseconds())/1000)
	}
	latency, cpu, err := pace(s, commits, every)
	if err != nil {
		return err
	}
	fmt.Printf("%d commits of 100 values of 40 bytes, one every %v:\n", commits, every)
	fmt.Printf("  latency p50 / p99      %8.2f / %.2f ms\n", ms(latency[len(latency)/2]), ms(latency[len(latency)*99/100]))
	fmt.Printf("  processor per commit   %8.2f ms (at one a second %.2f %% of a core)\n", ms(cpu)/float64(commits), ms(cpu)/float64(commits)/10)
	fmt.Printf("resident memory          %8s kB\n", resident())
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := os.Stat(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Printf("%-24s %8d bytes\n", e.Name(), info.Size())
	}
	return s.Close()
}

// pace commits and returns the sorted latencies and the processor time used.
func pace(s *store.Store, commits int, every time.Duration) (latency []time.Duration, cpu time.Duration, err error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	cpu = cpuTime()
	for n := range commits {
		b := store.Batch{Retained: map[string][]byte{}, Alive: time.Now()}
		for i := range 100 {
			state := make([]byte, 40)
			binary.LittleEndian.PutUint64(state, uint64(n)*1e6+uint64(i))
			b.Retained[fmt.Sprintf("Integrator %02d", i)] = state
		}
		start := time.Now()
		if _, err := s.Commit(b); err != nil {
			return nil, 0, err
		}
		latency = append(latency, time.Since(start))
		<-tick.C
	}
	slices.Sort(latency)
	return latency, cpuTime() - cpu, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// resident reads the resident set from /proc, where there is one.
func resident() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	return strings.Fields(rest + " ?")[0]
}
