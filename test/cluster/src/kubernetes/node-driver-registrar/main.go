// node-driver-registrar is a stand-in for the sidecar of that name, which is not published as a Go module. It speaks
// the kubelet's plugin registration protocol and takes the flags that manifests use; nothing more.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	csi "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

type registrar struct {
	registration.UnimplementedRegistrationServer
	driverName, endpoint string
}

func (r *registrar) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type: registration.CSIPlugin, Name: r.driverName, Endpoint: r.endpoint, SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (r *registrar) NotifyRegistrationStatus(_ context.Context, status *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if !status.PluginRegistered {
		log.Fatalf("the kubelet refused the driver: %s", status.Error)
	}
	log.Printf("the kubelet has registered %s", r.driverName)
	return &registration.RegistrationStatusResponse{}, nil
}

func main() {
	csiAddress := flag.String("csi-address", "/run/csi/socket", "the driver's socket")
	kubeletPath := flag.String("kubelet-registration-path", "", "the driver's socket as the kubelet sees it")
	registrationDir := flag.String("plugin-registration-path", "/registration", "where the kubelet looks for sockets")
	httpEndpoint := flag.String("http-endpoint", "", "where /healthz answers; nowhere by default")
	flag.Int("v", 0, "accepted and ignored")
	flag.Parse()
	if *httpEndpoint != "" {
		go serveHealth(*httpEndpoint)
	}

	driverName := askName(*csiAddress)
	socket := filepath.Join(*registrationDir, driverName+"-reg.sock")
	os.Remove(socket)
	syscall.Umask(0o077)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	registration.RegisterRegistrationServer(server, &registrar{driverName: driverName, endpoint: *kubeletPath})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		server.Stop()
	}()
	log.Printf("offering %s at %s", driverName, socket)
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
	os.Remove(socket)
}

func serveHealth(endpoint string) {
	http.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	log.Fatal(http.ListenAndServe(endpoint, nil))
}

// askName waits for the driver and returns its name.
func askName(csiAddress string) string {
	connection, err := grpc.NewClient("unix://"+csiAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	info, err := csi.NewIdentityClient(connection).GetPluginInfo(ctx, &csi.GetPluginInfoRequest{}, grpc.WaitForReady(true))
	if err != nil {
		log.Fatalf("GetPluginInfo: %v", err)
	}
	return info.GetName()
}
