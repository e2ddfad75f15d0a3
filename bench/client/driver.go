package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// A list of 10,000 volumes takes more than the 4 MiB that gRPC allows by default.
const maxReplyBytes = 256 << 20

var capability = &csi.VolumeCapability{
	AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
	AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
}

// Driver is the CSI driver that is measured.
type Driver struct {
	connection *grpc.ClientConn
	identity   csi.IdentityClient
	controller csi.ControllerClient
	node       csi.NodeClient
	settings   Settings
	run        string
}

// connect opens the connection by a call, so that no measured call waits for it.
func connect(ctx context.Context, settings Settings) (*Driver, error) {
	connection, err := grpc.NewClient(settings.endpoint,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReplyBytes)))
	if err != nil {
		return nil, err
	}
	driver := &Driver{
		connection: connection,
		identity:   csi.NewIdentityClient(connection),
		controller: csi.NewControllerClient(connection),
		node:       csi.NewNodeClient(connection),
		settings:   settings,
		run:        fmt.Sprintf("bench-%d-%d", os.Getpid(), rand.Uint32()),
	}
	if err := driver.probe(ctx); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return driver, nil
}

func (driver *Driver) close() {
	driver.connection.Close()
}

// Volume is one volume and the paths where a CO would have it.
type Volume struct {
	id      string
	context map[string]string
	staging string
	target  string
}

func (driver *Driver) nameOf(number int) string {
	return fmt.Sprintf("%s-%d", driver.run, number)
}

// place makes the directories that a CO makes, which are those of one worker: their making is not the driver's work.
func (driver *Driver) place(number int) (Volume, error) {
	directory := filepath.Join(driver.settings.directory, driver.nameOf(number))
	volume := Volume{staging: filepath.Join(directory, "staging"), target: filepath.Join(directory, "pod", "mount")}
	if driver.settings.directory == "" {
		return volume, nil
	}
	for _, path := range []string{volume.staging, filepath.Dir(volume.target)} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return volume, err
		}
	}
	return volume, nil
}

// removePlace removes what place made. Only empty directories: if a volume is still mounted, its content must stay.
func (driver *Driver) removePlace(number int) {
	directory := filepath.Join(driver.settings.directory, driver.nameOf(number))
	for _, name := range []string{"staging", "pod", ""} {
		os.Remove(filepath.Join(directory, name))
	}
}

func (driver *Driver) probe(ctx context.Context) error {
	_, err := driver.identity.Probe(ctx, &csi.ProbeRequest{})
	return err
}

func (driver *Driver) create(ctx context.Context, name string, source *csi.VolumeContentSource) (*csi.Volume, error) {
	reply, err := driver.controller.CreateVolume(ctx, &csi.CreateVolumeRequest{
		Name:                name,
		CapacityRange:       &csi.CapacityRange{RequiredBytes: driver.settings.sizeBytes},
		VolumeCapabilities:  []*csi.VolumeCapability{capability},
		Parameters:          driver.settings.parameters,
		VolumeContentSource: source,
	})
	return reply.GetVolume(), err
}

func (driver *Driver) stage(ctx context.Context, volume Volume) error {
	_, err := driver.node.NodeStageVolume(ctx, &csi.NodeStageVolumeRequest{
		VolumeId:          volume.id,
		StagingTargetPath: volume.staging,
		VolumeCapability:  capability,
		VolumeContext:     volume.context,
	})
	return err
}

func (driver *Driver) publish(ctx context.Context, volume Volume) error {
	_, err := driver.node.NodePublishVolume(ctx, &csi.NodePublishVolumeRequest{
		VolumeId:          volume.id,
		StagingTargetPath: volume.staging,
		TargetPath:        volume.target,
		VolumeCapability:  capability,
		VolumeContext:     volume.context,
	})
	return err
}

func (driver *Driver) unpublish(ctx context.Context, volume Volume) error {
	_, err := driver.node.NodeUnpublishVolume(ctx, &csi.NodeUnpublishVolumeRequest{
		VolumeId:   volume.id,
		TargetPath: volume.target,
	})
	return err
}

func (driver *Driver) unstage(ctx context.Context, volume Volume) error {
	_, err := driver.node.NodeUnstageVolume(ctx, &csi.NodeUnstageVolumeRequest{
		VolumeId:          volume.id,
		StagingTargetPath: volume.staging,
	})
	return err
}

func (driver *Driver) delete(ctx context.Context, id string) error {
	_, err := driver.controller.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: id})
	return err
}

func (driver *Driver) snapshot(ctx context.Context, name, volumeID string) (string, error) {
	reply, err := driver.controller.CreateSnapshot(ctx, &csi.CreateSnapshotRequest{SourceVolumeId: volumeID, Name: name})
	return reply.GetSnapshot().GetSnapshotId(), err
}

func (driver *Driver) deleteSnapshot(ctx context.Context, id string) error {
	_, err := driver.controller.DeleteSnapshot(ctx, &csi.DeleteSnapshotRequest{SnapshotId: id})
	return err
}
