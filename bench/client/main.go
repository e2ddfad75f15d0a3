// Client loads a CSI driver and prints one line of JSON: how long its calls took, and which failed. `client -help` lists the flags,
// modes.go the modes. It knows no driver, so that any two can be compared.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Settings are the flags of a run.
type Settings struct {
	endpoint    string
	mode        string
	directory   string
	parameters  map[string]string
	sizeBytes   int64
	calls       int
	warmUp      int
	concurrency int
	pageSize    int
	source      string
}

func main() {
	settings, err := parseSettings()
	if err == nil {
		err = run(settings)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func parseSettings() (Settings, error) {
	settings := Settings{parameters: map[string]string{}}
	flag.StringVar(&settings.endpoint, "endpoint", "", "the socket, as unix:///path")
	flag.StringVar(&settings.mode, "mode", "probe", strings.Join(modeNames(), ", "))
	flag.StringVar(&settings.directory, "directory", "", "where staging and target paths are made")
	flag.Int64Var(&settings.sizeBytes, "size", 64<<20, "bytes of each volume")
	flag.IntVar(&settings.calls, "calls", 100, "how many calls, lives or rounds are measured")
	flag.IntVar(&settings.warmUp, "warm-up", 10, "how many are made before")
	flag.IntVar(&settings.concurrency, "concurrency", 1, "how many run at once")
	flag.IntVar(&settings.pageSize, "page-size", 0, "entries of a page of ListVolumes; 0 lists all in one reply")
	flag.StringVar(&settings.source, "source", "", "the volume that mode copies copies; an empty one by default")
	flag.Func("parameter", "a parameter of each volume, as name=value; may be repeated", func(text string) error {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return fmt.Errorf("%q must be name=value", text)
		}
		settings.parameters[name] = value
		return nil
	})
	flag.Parse()
	if !slices.Contains(modeNames(), settings.mode) {
		return settings, fmt.Errorf("unknown mode %q; expected one of %s", settings.mode, strings.Join(modeNames(), ", "))
	}
	return settings, nil
}

func run(settings Settings) error {
	ctx := context.Background()
	driver, err := connect(ctx, settings)
	if err != nil {
		return err
	}
	defer driver.close()
	report, err := modes[settings.mode](ctx, driver, settings)
	if err != nil {
		return err
	}
	report.Mode = settings.mode
	return json.NewEncoder(os.Stdout).Encode(report)
}
