// peers: what a task costs through errgroup and conc. For each line of standard input, as in "errgroup tiny 8 100000"
// (library, case, tasks at once or 0, tasks), answers the nanoseconds of a task, of a group of three, or of the whole.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"
)

type goer interface {
	Go(func())
	Wait()
}

type errgroupGoer struct{ errgroup.Group }

func (g *errgroupGoer) Go(f func()) { g.Group.Go(func() error { f(); return nil }) }
func (g *errgroupGoer) Wait()       { _ = g.Group.Wait() }

func open(library string, limit int) goer {
	if library == "errgroup" {
		group := &errgroupGoer{}
		if limit > 0 {
			group.SetLimit(limit)
		}
		return group
	}
	workers := pool.New()
	if limit > 0 {
		workers = workers.WithMaxGoroutines(limit)
	}
	return workers
}

func run(library, what string, limit, tasks int) float64 {
	start := time.Now()
	switch what {
	case "tiny":
		group := open(library, limit)
		for i := 0; i < tasks; i++ {
			group.Go(func() {})
		}
		group.Wait()
	case "threes":
		for i := 0; i < tasks; i++ {
			group := open(library, limit)
			for j := 0; j < 3; j++ {
				group.Go(func() {})
			}
			group.Wait()
		}
	case "sleeps":
		group := open(library, limit)
		for i := 0; i < tasks; i++ {
			group.Go(func() { time.Sleep(time.Millisecond) })
		}
		group.Wait()
	case "producers":
		group := open("errgroup", limit)
		var producers sync.WaitGroup
		for i := 0; i < 8; i++ {
			producers.Add(1)
			go func() {
				defer producers.Done()
				for j := 0; j < tasks/8; j++ {
					group.Go(func() {})
				}
			}()
		}
		producers.Wait()
		group.Wait()
	}
	return float64(time.Since(start).Nanoseconds()) / float64(tasks)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var library, what string
		var limit, tasks int
		if _, err := fmt.Sscan(lines.Text(), &library, &what, &limit, &tasks); err != nil {
			fmt.Fprintf(os.Stderr, "peers: %q: %v\n", lines.Text(), err)
			os.Exit(64)
		}
		fmt.Printf("%.1f\n", run(library, what, limit, tasks))
	}
}
