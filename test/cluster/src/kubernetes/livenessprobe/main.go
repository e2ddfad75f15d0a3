// livenessprobe is a stand-in for the sidecar of that name, which is not published as a Go module. It answers
// /healthz by calling Probe on the driver, and takes the flags that the manifests use; nothing more.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"time"

	csi "github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	csiAddress := flag.String("csi-address", "/run/csi/socket", "the driver's socket")
	healthPort := flag.String("health-port", "9808", "port of /healthz")
	probeTimeout := flag.Duration("probe-timeout", time.Second, "how long a Probe may take")
	flag.Int("v", 0, "accepted and ignored")
	flag.Parse()

	http.HandleFunc("/healthz", func(response http.ResponseWriter, request *http.Request) {
		ctx, cancel := context.WithTimeout(request.Context(), *probeTimeout)
		defer cancel()
		if err := probe(ctx, *csiAddress); err != nil {
			log.Printf("not healthy: %v", err)
			http.Error(response, err.Error(), http.StatusInternalServerError)
			return
		}
		response.Write([]byte("ok"))
	})
	log.Printf("answering /healthz on port %s", *healthPort)
	log.Fatal(http.ListenAndServe(":"+*healthPort, nil))
}

// probe makes a connection for each call, so that a restarted driver is found at once.
func probe(ctx context.Context, csiAddress string) error {
	connection, err := grpc.NewClient("unix://"+csiAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = csi.NewIdentityClient(connection).Probe(ctx, &csi.ProbeRequest{})
	return err
}
