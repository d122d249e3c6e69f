module covey/bench/peers

go 1.21

require (
	github.com/sourcegraph/conc v0.3.0
	golang.org/x/sync v0.7.0
)
