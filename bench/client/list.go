package main

import (
	"context"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

// list lists all volumes, again and again. Its report has the time of each page, in their order, as the median of all rounds.
func list(ctx context.Context, driver *Driver, settings Settings) (Report, error) {
	var rounds [][]float64
	report, err := measured(settings, func(recorder *Recorder, _, number int) error {
		return recorder.timed("list", func() error {
			pages, err := driver.listOnce(ctx, settings.pageSize)
			if number >= settings.warmUp {
				rounds = append(rounds, pages)
			}
			return err
		})
	})
	if err != nil {
		return report, err
	}
	for page := range rounds[0] {
		var durations []float64
		for _, round := range rounds {
			durations = append(durations, round[page])
		}
		report.Pages = append(report.Pages, latencyOf(durations).P50)
	}
	return report, nil
}

// listOnce lists all volumes and returns how long each page took, in microseconds.
func (driver *Driver) listOnce(ctx context.Context, pageSize int) ([]float64, error) {
	var pages []float64
	token := ""
	for {
		startedAt := time.Now()
		request := &csi.ListVolumesRequest{MaxEntries: int32(pageSize), StartingToken: token}
		reply, err := driver.controller.ListVolumes(ctx, request)
		if err != nil {
			return nil, err
		}
		pages = append(pages, float64(time.Since(startedAt).Nanoseconds())/1000)
		if token = reply.GetNextToken(); token == "" {
			return pages, nil
		}
	}
}
