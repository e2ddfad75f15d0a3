package main

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

const burstPageSize = 100

// kind is one kind of call, made for each volume at once.
type kind struct {
	name string
	call func(number int) error
}

// burst makes all calls of one kind at once, kind after kind. Failures are counted and do not end it.
func burst(ctx context.Context, driver *Driver, settings Settings) (Report, error) {
	volumes, remove, err := driver.places(settings.calls)
	if err != nil {
		return Report{}, err
	}
	defer remove()
	recorder := newRecorder()
	kinds := driver.kinds(ctx, volumes)
	for _, kind := range kinds {
		err := inParallel(settings.calls, settings.calls, func(_, number int) error {
			_ = recorder.timed(kind.name, func() error { return kind.call(number) })
			return nil
		})
		if err != nil {
			return Report{}, err
		}
	}
	return recorder.report(settings.calls*len(kinds), settings.calls), nil
}

func (driver *Driver) kinds(ctx context.Context, volumes []Volume) []kind {
	snapshots := make([]string, len(volumes))
	kinds := []kind{
		{"probe", func(int) error { return driver.probe(ctx) }},
		{"create", func(number int) error {
			return driver.creating(ctx, driver.nameOf(number), &volumes[number]).call()
		}},
		{"validate", func(number int) error { return driver.validate(ctx, volumes[number].id) }},
		{"list", func(int) error { return driver.listPage(ctx) }},
		{"capacity", func(int) error { return driver.capacity(ctx) }},
		{"snapshot", func(number int) (err error) {
			snapshots[number], err = driver.snapshot(ctx, driver.nameOf(number), volumes[number].id)
			return
		}},
		{"stage", func(number int) error { return driver.stage(ctx, volumes[number]) }},
		{"publish", func(number int) error { return driver.publish(ctx, volumes[number]) }},
		{"stats", func(number int) error { return driver.stats(ctx, volumes[number]) }},
		{"unpublish", func(number int) error { return driver.unpublish(ctx, volumes[number]) }},
		{"unstage", func(number int) error { return driver.unstage(ctx, volumes[number]) }},
		{"deleteSnapshot", func(number int) error {
			// One that failed is counted already.
			if snapshots[number] == "" {
				return nil
			}
			return driver.deleteSnapshot(ctx, snapshots[number])
		}},
		{"delete", func(number int) error { return driver.delete(ctx, volumes[number].id) }},
	}
	return kinds
}

func (driver *Driver) validate(ctx context.Context, id string) error {
	_, err := driver.controller.ValidateVolumeCapabilities(ctx, &csi.ValidateVolumeCapabilitiesRequest{
		VolumeId:           id,
		VolumeCapabilities: []*csi.VolumeCapability{capability},
	})
	return err
}

// listPage lists as many volumes as a page usually has: all of them, at once in each call, would measure the size of the replies.
func (driver *Driver) listPage(ctx context.Context) error {
	_, err := driver.controller.ListVolumes(ctx, &csi.ListVolumesRequest{MaxEntries: burstPageSize})
	return err
}

func (driver *Driver) capacity(ctx context.Context) error {
	_, err := driver.controller.GetCapacity(ctx, &csi.GetCapacityRequest{Parameters: driver.settings.parameters})
	return err
}

func (driver *Driver) stats(ctx context.Context, volume Volume) error {
	_, err := driver.node.NodeGetVolumeStats(ctx, &csi.NodeGetVolumeStatsRequest{
		VolumeId:          volume.id,
		VolumePath:        volume.target,
		StagingTargetPath: volume.staging,
	})
	return err
}
