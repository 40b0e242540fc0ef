package sv

import (
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hepmeter/hepmeter/waveform"
	"github.com/hepmeter/hepmeter/waveform/internal/reference"
	"github.com/hepmeter/hepmeter/wire/pcap"
)

// cable runs the test in a network namespace of its own, with a virtual cable between
// the interfaces sva and svb. Where that is not allowed the test is skipped.
func cable(t *testing.T) {
	t.Helper()
	ip, err := exec.LookPath("ip")
	if err != nil {
		t.Skip("ip is not installed: apt-get install iproute2")
	}
	// The thread ends with the goroutine of the test, and the namespace with it.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace can be made: %v (the test needs root)", err)
	}
	for _, args := range []string{"link add sva type veth peer name svb", "link set sva up", "link set svb up"} {
		if out, err := exec.Command(ip, strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("no virtual cable can be made: ip %s: %v %s", args, err, out)
		}
	}
}

// replay sends frames at their pace until stop, round by round of a second.
func replay(to *sender, list [][]byte, times []int64, stop <-chan struct{}) error {
	begin := time.Now()
	for i := 0; ; i++ {
		due := time.Duration(times[i%len(list)]-times[0]) + time.Duration(i/len(list))*time.Second
		if wait := due - time.Since(begin); wait > time.Millisecond {
			select {
			case <-time.After(wait):
			case <-stop:
				return nil
			}
		}
		if err := to.send(list[i%len(list)]); err != nil {
			return err
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

// TestLiveMergingUnit sends a second of the real merging unit over a cable and reads it
// live: the samples are those of the capture, bit for bit.
func TestLiveMergingUnit(t *testing.T) {
	folder, _ := reference.Load(t)
	path := filepath.Join(folder, "sv/abb_mu_9_2le_part1.pcapng")
	cable(t)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := pcap.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	// One whole second, from smpCnt 0 to 3999.
	var list [][]byte
	var times []int64
	var values [4000]float64
	var f Frame
	for len(list) < 4000 {
		k, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if f.Decode(k.Data) != nil || int(f.ASDUs[0].Count) != len(list) {
			continue
		}
		d := f.ASDUs[0].Data
		values[len(list)] = float64(int32(uint32(d[32])<<24|uint32(d[33])<<16|uint32(d[34])<<8|uint32(d[35]))) * voltsPerBit
		times = append(times, int64(len(list))*250_000)
		list = append(list, append([]byte(nil), k.Data...))
	}
	to, _, err := dial("sva")
	if err != nil {
		t.Fatal(err)
	}
	defer to.close()
	stop := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		if err := replay(to, list, times, stop); err != nil {
			t.Error(err)
		}
	})
	end := sync.OnceFunc(func() { close(stop); sending.Wait() })
	defer end()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := Listen(ctx, "svb", "another", Options{}); err == nil || !strings.Contains(err.Error(), `no stream of svID "another": it has A1MU0101`) {
		t.Errorf("another svID: %v", err)
	}
	l, err := Listen(ctx, "svb", "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info := l.Info()
	if info.RateHz != 4000 || !info.Live || info.Device != "A1MU0101" || info.Format != "sv 9-2LE" || info.NominalHz != 50 {
		t.Fatalf("%+v", info)
	}
	// smpCnt 0 is the top of a second.
	first := info.Start.Nanosecond() / 250_000
	if info.Start.Nanosecond()%250_000 != 0 || time.Since(info.Start).Abs() > 10*time.Second {
		t.Errorf("begins %v", info.Start)
	}
	var b waveform.Block
	count := 0
	for count < 6000 {
		n, err := l.Next(ctx, &b, 80)
		if err != nil {
			t.Fatal(err)
		}
		if b.Gap || int(b.First) != count || math.Abs(b.Start-float64(count)/4000) > 1e-9 || len(b.Quality) > 0 {
			t.Fatalf("a block of %d at %g s after %d samples, gap %v, quality %v", n, b.Start, count, b.Gap, b.Quality)
		}
		for k := range n {
			if want := values[(first+count)%4000]; b.Samples[4][k] != want {
				t.Fatalf("sample %d (smpCnt %d) of Va is %v, want %v", count, (first+count)%4000, b.Samples[4][k], want)
			}
			count++
		}
	}
	if c := l.Counters(); c.Lost+c.Jumps+c.Malformed+c.Overruns > 0 {
		t.Errorf("%+v", c)
	}

	// The publisher stops: silence, and no sample is made up.
	end()
	silence, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for {
		n, err := l.Next(silence, &b, 80)
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for k := range n {
			if want := values[(first+count)%4000]; b.Samples[4][k] != want {
				t.Fatalf("after the end, sample %d is %v, want %v", count, b.Samples[4][k], want)
			}
			count++
		}
	}
	sent := l.Counters()
	if sent.Delivered != int64(count) || sent.Lost > 0 {
		t.Errorf("%d samples were read: %+v", count, sent)
	}
}

// TestLiveOverrun: a reader that stands still loses frames, and says so in a count and in
// the block after the hole.
func TestLiveOverrun(t *testing.T) {
	cable(t)
	list, times := frames(t, Stream{VLAN: 4, Synch: 1, Profile: Flexible, ID: "fast", Info: siteInfo(14400, noon)}, 14400)
	to, _, err := dial("sva")
	if err != nil {
		t.Fatal(err)
	}
	defer to.close()
	stop := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		if err := replay(to, list, times, stop); err != nil {
			t.Error(err)
		}
	})
	end := sync.OnceFunc(func() { close(stop); sending.Wait() })
	defer end()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l, err := Listen(ctx, "svb", "fast", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if rate := l.Info().RateHz; rate != 14400 {
		t.Fatalf("%g Hz", rate)
	}
	end()
	// What no ring holds: the seconds to come, at once.
	for range 6 {
		for i := range list {
			if err := to.send(list[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	silence, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	marked := 0
	var b waveform.Block
	for {
		_, err := l.Next(silence, &b, 1440)
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.QualityOf(0)&waveform.Overrun != 0 {
			marked++
		}
	}
	if c := l.Counters(); c.Overruns == 0 {
		t.Errorf("nothing was overrun: %+v", c)
	}
	// Frames go on after the hole.
	sending.Go(func() {
		stop := make(chan struct{})
		time.AfterFunc(500*time.Millisecond, func() { close(stop) })
		if err := replay(to, list, times, stop); err != nil {
			t.Error(err)
		}
	})
	after, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for {
		if _, err := l.Next(after, &b, 1440); err != nil {
			break
		}
		if b.QualityOf(0)&waveform.Overrun != 0 {
			marked++
		}
	}
	sending.Wait()
	if marked != 1 {
		t.Errorf("%d blocks are marked by the overrun, want 1", marked)
	}
}

// TestLivePublisher: what is published at the pace of the clock is read in order, with a
// start on the second's grid.
func TestLivePublisher(t *testing.T) {
	cable(t)
	info := siteInfo(4800, time.Time{})
	p, err := Publish("sva", Stream{VLAN: Untagged, Synch: 0, ID: "twin", Info: info}, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	publishing, stop := context.WithCancel(ctx)
	var sending sync.WaitGroup
	sending.Go(func() {
		var b waveform.Block
		b.Resize(8, 96)
		b.RateHz = 4800
		for n := 0; publishing.Err() == nil; n += 96 {
			b.First, b.Start = int64(n), float64(n)/4800
			for c := range b.Samples {
				for k := range b.Samples[c] {
					b.Samples[c][k] = float64((n + k) % 100_000)
				}
			}
			if err := p.Write(publishing, &b); err != nil && publishing.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	defer func() { stop(); sending.Wait(); p.Close(); cancel() }()
	l, err := Listen(ctx, "svb", "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var b waveform.Block
	last := -1.0
	for count := 0; count < 2400; {
		n, err := l.Next(ctx, &b, 96)
		if err != nil {
			t.Fatal(err)
		}
		if b.QualityOf(3) != waveform.Unsynchronised {
			t.Fatalf("quality %d: smpSynch is 0", b.QualityOf(3))
		}
		for k := range n {
			v := math.Round(b.Samples[7][k])
			if last >= 0 && v != last+1 {
				t.Fatalf("%g follows %g", v, last)
			}
			last = v
		}
		count += n
	}
	age := time.Since(l.Info().Start.Add(time.Duration(float64(l.Counters().Delivered) / 4800 * 1e9)))
	if age < -100*time.Millisecond || age > 2*time.Second {
		t.Errorf("the last sample is %v old", age)
	}
}

// TestListenRefuses says what is wrong.
func TestListenRefuses(t *testing.T) {
	cable(t)
	if _, err := Listen(context.Background(), "svc", "", Options{}); err == nil || !strings.Contains(err.Error(), "sv:svc") || !strings.Contains(err.Error(), "ip link") {
		t.Errorf("no interface: %v", err)
	}
	if _, err := Listen(context.Background(), "svb", "", Options{}); err == nil || !strings.Contains(err.Error(), "sv:svb has no sampled values") {
		t.Errorf("silence: %v", err)
	}
	if _, err := Publish("svc", Stream{Info: siteInfo(4000, noon)}, true); err == nil || !strings.Contains(err.Error(), "sv:svc") {
		t.Errorf("no interface to send to: %v", err)
	}
}
