package main

import (
	"sync"
	"sync/atomic"
)

// inParallel calls work with each number from 0 to count, in as many goroutines as there are workers. It ends at the first error.
func inParallel(count, workers int, work func(worker, number int) error) error {
	var group sync.WaitGroup
	var next atomic.Int64
	var once sync.Once
	var failure error
	for worker := range workers {
		group.Go(func() {
			for {
				number := int(next.Add(1)) - 1
				if number >= count {
					return
				}
				if err := work(worker, number); err != nil {
					once.Do(func() { failure = err })
					next.Store(int64(count))
					return
				}
			}
		})
	}
	group.Wait()
	return failure
}
