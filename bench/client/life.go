package main

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

// step is one call of a longer sequence.
type step struct {
	name string
	call func() error
}

func (recorder *Recorder) timedSteps(steps []step) error {
	for _, step := range steps {
		if err := recorder.timed(step.name, step.call); err != nil {
			return err
		}
	}
	return nil
}

func (driver *Driver) mounting(ctx context.Context, volume *Volume) []step {
	return []step{
		{"stage", func() error { return driver.stage(ctx, *volume) }},
		{"publish", func() error { return driver.publish(ctx, *volume) }},
		{"unpublish", func() error { return driver.unpublish(ctx, *volume) }},
		{"unstage", func() error { return driver.unstage(ctx, *volume) }},
	}
}

func (driver *Driver) creating(ctx context.Context, name string, volume *Volume) step {
	return step{"create", func() error {
		created, err := driver.create(ctx, name, nil)
		volume.id, volume.context = created.GetVolumeId(), created.GetVolumeContext()
		return err
	}}
}

func (driver *Driver) deleting(ctx context.Context, volume *Volume) step {
	return step{"delete", func() error { return driver.delete(ctx, volume.id) }}
}

// life takes each volume through its six calls. A worker uses the same paths for each of its volumes.
func life(ctx context.Context, driver *Driver, settings Settings) (Report, error) {
	places, remove, err := driver.places(settings.concurrency)
	if err != nil {
		return Report{}, err
	}
	defer remove()
	return measured(settings, func(recorder *Recorder, worker, number int) error {
		volume := places[worker]
		steps := []step{driver.creating(ctx, driver.nameOf(number), &volume)}
		steps = append(steps, driver.mounting(ctx, &volume)...)
		return recorder.timedSteps(append(steps, driver.deleting(ctx, &volume)))
	})
}

// stage stages, publishes, unpublishes and unstages a volume of each worker, again and again.
func stage(ctx context.Context, driver *Driver, settings Settings) (Report, error) {
	volumes, remove, err := driver.places(settings.concurrency)
	if err != nil {
		return Report{}, err
	}
	defer remove()
	for number := range volumes {
		if err := driver.creating(ctx, driver.nameOf(-1-number), &volumes[number]).call(); err != nil {
			return Report{}, err
		}
		defer driver.delete(ctx, volumes[number].id)
	}
	return measured(settings, func(recorder *Recorder, worker, _ int) error {
		return recorder.timedSteps(driver.mounting(ctx, &volumes[worker]))
	})
}

// mount stages volumes that exist, and leaves them staged.
func mount(ctx context.Context, driver *Driver, settings Settings) (Report, error) {
	listed, err := driver.controller.ListVolumes(ctx, &csi.ListVolumesRequest{MaxEntries: int32(settings.calls)})
	if err != nil {
		return Report{}, err
	}
	volumes, _, err := driver.places(len(listed.Entries))
	if err != nil {
		return Report{}, err
	}
	for number, entry := range listed.Entries {
		volumes[number].id, volumes[number].context = entry.Volume.VolumeId, entry.Volume.VolumeContext
	}
	recorder := newRecorder()
	err = inParallel(len(volumes), settings.concurrency, func(_, number int) error {
		return recorder.timed("stage", func() error { return driver.stage(ctx, volumes[number]) })
	})
	return recorder.report(len(volumes), settings.concurrency), err
}

// places makes the paths of several volumes, and returns what removes them.
func (driver *Driver) places(count int) ([]Volume, func(), error) {
	places := make([]Volume, count)
	remove := func() {
		for number := range places {
			driver.removePlace(number)
		}
	}
	for number := range places {
		place, err := driver.place(number)
		if err != nil {
			return nil, remove, err
		}
		places[number] = place
	}
	return places, remove, nil
}
