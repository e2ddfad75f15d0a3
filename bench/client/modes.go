package main

import (
	"context"
	"maps"
	"slices"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

// Mode makes the calls of one kind of measurement.
type Mode func(context.Context, *Driver, Settings) (Report, error)

var modes = map[string]Mode{
	"probe":    probe,
	"create":   create,
	"fill":     fill,
	"life":     life,
	"mount":    mount,
	"stage":    stage,
	"list":     list,
	"burst":    burst,
	"copies":   copies,
	"snapshot": fillSnapshots,
}

func modeNames() []string {
	return slices.Sorted(maps.Keys(modes))
}

// measured makes the calls of a warm-up and then those that count. Each has a number of its own.
func measured(settings Settings, work func(recorder *Recorder, worker, number int) error) (Report, error) {
	ignored := newRecorder()
	err := inParallel(settings.warmUp, settings.concurrency, func(worker, number int) error {
		return work(ignored, worker, number)
	})
	if err != nil {
		return Report{}, err
	}
	recorder := newRecorder()
	err = inParallel(settings.calls, settings.concurrency, func(worker, number int) error {
		return work(recorder, worker, settings.warmUp+number)
	})
	return recorder.report(settings.calls, settings.concurrency), err
}

// probe calls Probe.
func probe(ctx context.Context, driver *Driver, settings Settings) (Report, error) {
	return measured(settings, func(recorder *Recorder, _, _ int) error {
		return recorder.timed("probe", func() error { return driver.probe(ctx) })
	})
}

// create creates volumes, and deletes them once that is measured.
func create(ctx context.Context, driver *Driver, settings Settings) (Report, error) {
	report, ids, err := createAll(ctx, driver, settings)
	if err != nil {
		return report, err
	}
	return report, inParallel(len(ids), settings.concurrency, func(_, number int) error {
		return driver.delete(ctx, ids[number])
	})
}

// fill creates volumes that stay.
func fill(ctx context.Context, driver *Driver, settings Settings) (Report, error) {
	report, _, err := createAll(ctx, driver, settings)
	return report, err
}

func createAll(ctx context.Context, driver *Driver, settings Settings) (Report, []string, error) {
	ids := make([]string, settings.warmUp+settings.calls)
	report, err := measured(settings, func(recorder *Recorder, _, number int) error {
		return recorder.timed("create", func() error {
			volume, err := driver.create(ctx, driver.nameOf(number), nil)
			ids[number] = volume.GetVolumeId()
			return err
		})
	})
	return report, ids, err
}

// fillSnapshots takes snapshots, which stay, of one new volume.
func fillSnapshots(ctx context.Context, driver *Driver, settings Settings) (Report, error) {
	volume, err := driver.create(ctx, driver.nameOf(-1), nil)
	if err != nil {
		return Report{}, err
	}
	return measured(settings, func(recorder *Recorder, _, number int) error {
		return recorder.timed("snapshot", func() error {
			_, err := driver.snapshot(ctx, driver.nameOf(number), volume.GetVolumeId())
			return err
		})
	})
}

// copies takes a snapshot, restores it, clones its source, and deletes all three.
func copies(ctx context.Context, driver *Driver, settings Settings) (Report, error) {
	source := settings.source
	if source == "" {
		volume, err := driver.create(ctx, driver.nameOf(-1), nil)
		if err != nil {
			return Report{}, err
		}
		source = volume.GetVolumeId()
		defer driver.delete(ctx, source)
	}
	return measured(settings, func(recorder *Recorder, _, number int) error {
		return copyOnce(ctx, driver, recorder, source, driver.nameOf(number))
	})
}

func copyOnce(ctx context.Context, driver *Driver, recorder *Recorder, source, name string) error {
	var snapshot, restored, cloned string
	steps := []step{
		{"snapshot", func() (err error) { snapshot, err = driver.snapshot(ctx, name, source); return }},
		{"restore", func() (err error) {
			restored, err = driver.createFrom(ctx, name+"-restored", sourceSnapshot(snapshot))
			return
		}},
		{"clone", func() (err error) {
			cloned, err = driver.createFrom(ctx, name+"-cloned", sourceVolume(source))
			return
		}},
		{"delete", func() error { return driver.delete(ctx, restored) }},
		{"delete", func() error { return driver.delete(ctx, cloned) }},
		{"deleteSnapshot", func() error { return driver.deleteSnapshot(ctx, snapshot) }},
	}
	return recorder.timedSteps(steps)
}

func (driver *Driver) createFrom(ctx context.Context, name string, source *csi.VolumeContentSource) (string, error) {
	volume, err := driver.create(ctx, name, source)
	return volume.GetVolumeId(), err
}

func sourceSnapshot(id string) *csi.VolumeContentSource {
	return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
		Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: id},
	}}
}

func sourceVolume(id string) *csi.VolumeContentSource {
	return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Volume{
		Volume: &csi.VolumeContentSource_VolumeSource{VolumeId: id},
	}}
}
